"""The plan of a run: jobs, items, hours and reasons per stage.

Snakemake's dry run lists the jobs; the `JobSpec` of each score job, which also builds its command,
gives the items it would score (livecc.planning.work). Items of a job whose inputs the run makes are
not known yet; they are estimated from its last run or from the input (livecc.planning.expected).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import convert
from msgspec.json import encode

from livecc.configuration import REPOSITORY, active_tracks, catalogue_of, used_sources
from livecc.configuration.resolved import cached_stages, chosen_engine
from livecc.declaration import CachedStage
from livecc.errors import LiveccError
from livecc.inference.device import resolve_device
from livecc.models.fetch import describe
from livecc.planning import dry_run
from livecc.planning.jobs import StageJobs, score_cache
from livecc.planning.made_with import CHANGED
from livecc.planning.ranges import NOTHING, Range
from livecc.planning.speeds import NO_AMOUNT, Amount, Pace, pace_of
from livecc.planning.work import prepare
from livecc.planning.work import work as planning_work
from livecc.sources.assigned import ListedSource, SourceSample
from livecc.stages.job_spec import JobSpec
from livecc.stages.tracks import SELECT_SAMPLES

if TYPE_CHECKING:
    from livecc.planning.expected import TrackExpectations

#: The environment variable that makes Snakemake write its jobs to a file.
JOBS_VARIABLE = "LIVECC_PLAN_JOBS"
#: So many videos of a source are looked into.
SAMPLED_VIDEOS = 32
#: Rules without work, which only collect files.
_NAMES = frozenset({"all", "fetch_models"})
#: The rule that fetches a model, and what stands for the tracks of a job for several of them.
FETCH_MODEL = "fetch_model"
ALL_TRACKS = "all"
#: Rules that run before all stages.
FIRST = (FETCH_MODEL, "list_shards")


class JobRecorder(logging.Handler):
    """Writes each planned Snakemake job as a line of JSON."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def emit(self, record: logging.LogRecord) -> None:
        if not hasattr(record, "rule_name"):
            return
        job = {
            "rule": record.rule_name,
            "wildcards": dict(getattr(record, "wildcards", {})),
            "input": list(getattr(record, "input", [])),
            "output": list(getattr(record, "output", [])),
            "reason": getattr(record, "reason", ""),
            "gpu": getattr(record, "resources", {}).get("gpu", 0),
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(job) + "\n")


def record_sources(path: Path, sources: Mapping[str, ListedSource]) -> None:
    """Write to the same file what the listed sources hold."""
    with path.open("ab") as stream:
        for name, listed in sources.items():
            line = {"source": name, "sample": listed.sample(SAMPLED_VIDEOS)}
            stream.write(encode(line) + b"\n")


@dataclass
class StagePlan:
    """The planned jobs of one rule in one track."""

    track: str
    stage: str
    jobs: int = 0
    #: Jobs that load a model; the others find all items in the cache.
    loading_jobs: int = 0
    items: int = 0
    found: int = 0
    to_score: int = 0
    #: Jobs whose inputs do not exist yet or will be recreated; those of them that cannot be
    #: estimated, and the estimated items of the others.
    unknown_jobs: int = 0
    unforeseen_jobs: int = 0
    expected_items: Range = NOTHING
    expected_to_score: Range = NOTHING
    #: What all its jobs have to score.
    amount: Amount = NO_AMOUNT
    #: Device and fingerprint of the jobs; the latter only if their models are there.
    device: str | None = None
    fingerprint: str | None = None
    #: An estimate for all jobs together, and where its speed is from; None without any.
    hours: Range | None = None
    pace: Pace | None = None
    #: What someone has to pay for it; None if nobody has to, or prices are unknown.
    cost: Range | None = None
    #: Whether the stage uses the score cache; if not, the other figures are zero.
    cached: bool = False
    reasons: Counter[str] = field(default_factory=Counter)


def make_plan(config: Mapping[str, Any], *, folder: Path | None = None) -> list[StagePlan]:
    """The plan for a complete, checked configuration, in the order in which stages run.

    `folder` is the working directory. Raises LiveccError with Snakemake's output when it fails.
    """
    # It needs what cuts clips, and every Snakemake process imports this module.
    from livecc.planning.expected import TrackExpectations
    from livecc.planning.input_amounts import TrackInput
    from livecc.planning.source_amounts import PlannedSource

    told = planned_jobs(config, folder)
    jobs = [one for one in told if "rule" in one]
    sources = {
        one["source"]: PlannedSource(config, one["source"], convert(one["sample"], SourceSample))
        for one in told
        if "source" in one
    }
    made = {path for job in jobs for path in job["output"]}
    catalogue = catalogue_of(config)
    cached = {stage.name: stage for stage in catalogue.cached_stages}
    plans: dict[tuple[str, str], StagePlan] = {}
    stage_jobs: dict[tuple[str, CachedStage], StageJobs] = {}
    expectations: dict[str, TrackExpectations] = {}
    for job in jobs:
        rule = job["rule"]
        if rule in _NAMES:
            continue
        track = _track_of(job, config)
        stage = cached.get(rule)
        plan = plans.setdefault((track, rule), StagePlan(track, rule, cached=stage is not None))
        plan.jobs += 1
        if stage is None:
            plan.reasons[_reason(job)] += 1
        else:
            shard = job["wildcards"]["shard"]
            if (track, stage) not in stage_jobs:
                stage_jobs[track, stage] = StageJobs(config, track, stage)
            spec = stage_jobs[track, stage].spec(shard)
            plan.reasons[_score_reason(job, stage_jobs[track, stage], spec)] += 1
            if track not in expectations:
                given = TrackInput(config, track, sources)
                expectations[track] = TrackExpectations(config, track, given)
            _look_into(plan, job, spec, made, expectations[track])
    for plan in plans.values():
        if plan.cached:
            _estimate(plan, config, cached[plan.stage])
    places = {name: number for number, name in enumerate((*FIRST, *catalogue.stages))}
    tracks = [*catalogue.tracks, ALL_TRACKS]

    def place(plan: StagePlan) -> tuple[int, int]:
        """Models of several tracks first, then track by track, each in the order of its stages."""
        first = plan.track == ALL_TRACKS and plan.stage == FETCH_MODEL
        return (
            -1 if first else tracks.index(plan.track),
            places.get(plan.stage, len(places)),
        )

    return sorted(plans.values(), key=place)


def _track_of(job: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The track that a job is for; ALL_TRACKS if it is for several."""
    wildcards = job["wildcards"]
    if "track" in wildcards:
        return str(wildcards["track"])
    tracks = active_tracks(config)
    if "source" in wildcards:
        tracks = used_sources(config)[wildcards["source"]]
    if job["rule"] == FETCH_MODEL:
        tracks = [
            track for track in tracks if wildcards["model"] in _models_of_track(config, track)
        ]
    return tracks[0] if len(tracks) == 1 else ALL_TRACKS


def _models_of_track(config: Mapping[str, Any], track: str) -> set[str]:
    """The names of the models that the stages of a track run."""
    return {
        describe(model.reference)["name"]
        for stage in cached_stages(config, track)
        for model in stage.models(config[stage.name]).values()
    }


def planned_jobs(config: Mapping[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """The jobs that Snakemake would run, in dependency order, and what `record_sources` wrote."""
    with tempfile.TemporaryDirectory() as name:
        config_file, jobs_file = Path(name, "config.json"), Path(name, "jobs.jsonl")
        config_file.write_text(json.dumps(config), encoding="utf-8")
        program = ["-m", "snakemake"]
        places = (folder or Path.cwd(), (folder or Path.cwd()) / config["results"])
        if not all(os.access(place, os.W_OK) for place in places if place.exists()):
            program = dry_run.program(Path(name))
        # -P: modules that lie in the working directory are not those of Snakemake.
        command = [sys.executable, "-P", *program, "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--configfile", str(config_file), "--dry-run", "--cores", "1", "--nolock"]
        command += ["--rerun-triggers", "mtime"]
        command += ["--rerun-incomplete", "--quiet", "all"]
        result = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, JOBS_VARIABLE: str(jobs_file)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise LiveccError(
                f"Snakemake's dry run failed:\n{(result.stderr + result.stdout).strip()}"
            )
        if not jobs_file.exists():
            return []
        return [json.loads(line) for line in jobs_file.read_text(encoding="utf-8").splitlines()]


def _look_into(
    plan: StagePlan,
    job: Mapping[str, Any],
    spec: JobSpec,
    made: set[str],
    expectations: TrackExpectations,
) -> None:
    """Count the items of a score job, or estimate them."""
    if made.isdisjoint(job["input"]):
        try:
            work = planning_work(spec)
        except (OSError, LiveccError):
            pass
        else:
            plan.items += work.items
            plan.found += work.items - work.missing
            plan.to_score += work.to_score
            plan.loading_jobs += work.missing > 0
            plan.device, plan.fingerprint = work.device, work.fingerprint
            plan.amount += expectations.amount(spec, work.to_score)
            return
    plan.unknown_jobs += 1
    expected = expectations.of_job(spec, made)
    if expected is None:
        plan.unforeseen_jobs += 1
    else:
        plan.found += expected.found
        plan.expected_items += expected.items
        plan.expected_to_score += expected.to_score.items
        plan.amount += expected.to_score
    if plan.device is None:
        plan.device = resolve_device(spec.wanted_device)
        # Without its models nothing was scored with these settings.
        with contextlib.suppress(OSError, LiveccError):
            plan.fingerprint = prepare(spec).fingerprint


def _estimate(plan: StagePlan, config: Mapping[str, Any], stage: CachedStage) -> None:
    """Hours of all jobs together, at the speed of earlier jobs or of the benchmarks."""
    engine = chosen_engine(config, stage)
    if engine is not None and engine.costs is not None and plan.unforeseen_jobs != plan.jobs:
        bounds = [
            engine.costs(config[stage.name], items, words)
            for items, words in zip(
                _bounds(plan.amount.items), _bounds(plan.amount.words), strict=True
            )
        ]
        if bounds[0] is not None and bounds[1] is not None:
            plan.cost = Range(bounds[0][0], bounds[1][1])
    plan.pace = pace_of(
        *(config, stage, Path(score_cache(config))), str(plan.device), plan.fingerprint
    )
    if plan.pace is None or plan.unforeseen_jobs == plan.jobs:
        return
    # A job that finds everything in the cache loads nothing.
    known = Range.of(plan.loading_jobs)
    expected = min(float(plan.unknown_jobs - plan.unforeseen_jobs), plan.expected_to_score.high)
    at_least = min(expected, plan.expected_to_score.low)
    plan.hours = plan.pace.seconds(plan.amount, known + Range(at_least, expected)) / 3600


_SETTINGS_CHANGED = "settings changed"
_NOT_MADE_YET = "not made yet"
_REASONS = (
    ("Forced", "forced"),
    ("Incomplete output", "interrupted before"),
    ("Updated input files", "input changed"),
    ("Input files updated by another job", "an earlier stage runs"),
    ("Missing output", _NOT_MADE_YET),
)


#: Rules that settings of one kind decide.
_OF_RULES = {
    SELECT_SAMPLES.name: "thresholds changed",
    "list_shards": "shards added or removed",
    "fetch_model": "another model",
}


def _reason(job: Mapping[str, Any]) -> str:
    """Why a job runs, in a few words."""
    changed = any(Path(path).name == CHANGED for path in job["input"])
    if changed and any(Path(path).exists() for path in job["output"]):
        return _OF_RULES.get(job["rule"], _SETTINGS_CHANGED)
    if changed:
        return _NOT_MADE_YET
    return str(next((words for start, words in _REASONS if start in job["reason"]), job["reason"]))


def _score_reason(job: Mapping[str, Any], jobs: StageJobs, spec: JobSpec) -> str:
    """Why a score job runs, in a few words, including which settings changed."""
    reason = _reason(job)
    if reason != _SETTINGS_CHANGED:
        return reason
    note = jobs.note(spec.shard)
    if note is None:
        return "made by an earlier version"
    changed = _changed_settings(note.settings, spec)
    if changed:
        return f"changed: {', '.join(changed)}"
    if spec.retry_failed and note.failed:
        return "failed before"
    return reason if jobs.lets_in_all(spec.shard, note) else "the gate lets in more clips"


def _changed_settings(before: Mapping[str, Any], spec: JobSpec) -> list[str]:
    try:
        now = json.loads(json.dumps(prepare(spec).settings))
    except (OSError, LiveccError):
        return []
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def to_json(plans: Iterable[StagePlan]) -> list[dict[str, Any]]:
    """The plan as JSON values; numbers between two bounds are lists of both."""
    return [
        {
            **{name: value for name, value in vars(plan).items() if name not in ("amount", "pace")},
            "reasons": dict(plan.reasons),
            "expected_items": _bounds(plan.expected_items),
            "expected_to_score": _bounds(plan.expected_to_score),
            "hours": None if plan.hours is None else _bounds(plan.hours),
            "cost": None if plan.cost is None else _bounds(plan.cost),
            "speed": None if plan.pace is None else plan.pace.source,
        }
        for plan in plans
    ]


def _bounds(number: Range) -> list[float]:
    return [number.low, number.high]
