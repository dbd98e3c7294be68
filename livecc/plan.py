"""What a run would do, before it does it: jobs, items, hours and reasons, stage by stage.

Snakemake's dry run says which jobs would run; the command line of each score job, put through the
parser of its own script, says which items it would score (livecc.planning). A job whose inputs
another job of the plan makes anew cannot be looked into yet: its items are counted as "at most".
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecc import planning
from livecc.config import CLIP_STAGES, REPOSITORY, TRACK_STAGES
from livecc.coverage import read_coverage
from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.throughput import Throughput, throughput

#: The environment variable that has Snakemake's process write its jobs to a file.
JOBS_VARIABLE = "LIVECC_PLAN_JOBS"
SCORE_STAGES = ("transcribe", *dict.fromkeys(s for t in TRACK_STAGES.values() for s in t))
#: Rules that only name files.
_NAMES = frozenset({"all", "fetch_models"})


class JobRecorder(logging.Handler):
    """Writes each job that Snakemake plans as a line of JSON."""

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
            "command": getattr(record, "shellcmd", None) or "",
            "threads": getattr(record, "threads", 1),
            "gpu": getattr(record, "resources", {}).get("gpu", 0),
        }
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(job) + "\n")


@dataclass
class StagePlan:
    """What would run of one rule in one track."""

    track: str
    stage: str
    jobs: int = 0
    #: Jobs that need a model; the others find all their items in the cache.
    loading_jobs: int = 0
    items: int = 0
    found: int = 0
    to_score: int = 0
    #: Jobs whose inputs are not made yet, or will be made anew.
    unknown_jobs: int = 0
    #: Items of those jobs, as far as earlier results tell.
    unknown_items: int = 0
    #: Where the stage runs, and with which settings, of the jobs that could be looked into.
    device: str | None = None
    fingerprint: str | None = None
    #: An estimate from earlier jobs; None when there are none to judge by.
    hours: float | None = None
    reasons: Counter[str] = field(default_factory=Counter)


def make_plan(config: Mapping[str, Any], *, folder: Path | None = None) -> list[StagePlan]:
    """The plan for a whole, checked configuration, in the order in which stages run.

    `folder` is the working directory. Raises LiveccError with Snakemake's words when it cannot
    plan.
    """
    jobs = planned_jobs(config, folder)
    made = {path for job in jobs for path in job["output"]}
    plans: dict[tuple[str, str], StagePlan] = {}
    for job in jobs:
        stage = job["rule"]
        if stage in _NAMES:
            continue
        track = job["wildcards"].get("track") or ("sft" if "shard" in job["wildcards"] else "")
        plan = plans.setdefault((track, stage), StagePlan(track, stage))
        plan.jobs += 1
        plan.reasons[_reason(job)] += 1
        if stage in SCORE_STAGES:
            _look_into(plan, job, made)
    for plan in plans.values():
        if plan.stage in SCORE_STAGES:
            _estimate(plan, Path(config["score_cache"] or f"{config['results']}/cache"))
    return sorted(plans.values(), key=_place)


def _place(plan: StagePlan) -> tuple[int, int]:
    """Where a stage stands in the run: the tracks one after the other, then what is of both."""
    stages = [
        "fetch_model",
        *(stage for clip_stages in CLIP_STAGES.values() for stage in clip_stages),
        *SCORE_STAGES[1:],
    ]
    last = len(stages)
    return (
        [*TRACK_STAGES, ""].index(plan.track),
        stages.index(plan.stage) if plan.stage in stages else last,
    )


def planned_jobs(config: Mapping[str, Any], folder: Path | None) -> list[dict[str, Any]]:
    """The jobs that Snakemake would run, each before those that need it."""
    with tempfile.TemporaryDirectory() as name:
        config_file, jobs_file = Path(name, "config.json"), Path(name, "jobs.jsonl")
        config_file.write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--configfile", str(config_file), "--dry-run", "--cores", "1", "--nolock"]
        command += ["--rerun-triggers", "mtime", "params", "input", "software-env"]
        command += ["--rerun-incomplete", "--quiet", "all"]
        result = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, JOBS_VARIABLE: str(jobs_file)},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise LiveccError(f"Snakemake cannot plan:\n{(result.stderr + result.stdout).strip()}")
        if not jobs_file.exists():
            return []
        return [json.loads(line) for line in jobs_file.read_text(encoding="utf-8").splitlines()]


def _look_into(plan: StagePlan, job: Mapping[str, Any], made: set[str]) -> None:
    """Count the items of a score job."""
    arguments = _arguments(job)
    if made.isdisjoint(job["input"]):
        try:
            work = planning.work(plan.stage, arguments)
        except (OSError, LiveccError):
            pass
        else:
            plan.items += work.items
            plan.found += work.items - work.missing
            plan.to_score += work.to_score
            plan.loading_jobs += work.missing > 0
            plan.device, plan.fingerprint = work.device, work.fingerprint
            return
    plan.unknown_jobs += 1
    plan.unknown_items += _earlier_items(arguments)


def _arguments(job: Mapping[str, Any]) -> list[str]:
    """The arguments of a score job's script, from its shell command."""
    words = shlex.split(job["command"])
    script = next(n for n, word in enumerate(words) if word.endswith(f"/{job['rule']}.py"))
    return words[script + 1 : words.index(">")]


def _option(arguments: Sequence[str], name: str) -> str | None:
    for n, word in enumerate(arguments):
        if word == name:
            return arguments[n + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def _earlier_items(arguments: Sequence[str]) -> int:
    """The items that the shard had in its last job."""
    stats = _option(arguments, "--stats")
    try:
        return int(read_json(Path(stats or ""))["items"])
    except (OSError, LiveccError, KeyError, TypeError, ValueError):
        return 0


def _estimate(plan: StagePlan, cache: Path) -> None:
    """Hours of the known items, from the speed of earlier jobs with these settings or any."""
    if plan.fingerprint is None:
        return
    speed: Throughput | None = throughput(cache, plan.stage, fingerprint=plan.fingerprint)
    speed = speed or throughput(cache, plan.stage, plan.device)
    if speed is not None:
        plan.hours = speed.seconds(plan.to_score, plan.loading_jobs) / 3600


_REASONS = (
    ("Forced", "forced"),
    ("Incomplete output", "was interrupted"),
    ("Params have changed", "settings changed"),
    ("Set of input files has changed", "shards came or went"),
    ("Updated input files", "input changed"),
    ("Input files updated by another job", "an earlier stage runs"),
    ("Missing output", "not made yet"),
)


def _reason(job: Mapping[str, Any]) -> str:
    """Why a job runs, in a few words."""
    reason = next((words for start, words in _REASONS if start in job["reason"]), job["reason"])
    if reason != "settings changed":
        return reason
    if job["rule"] not in SCORE_STAGES:
        return "thresholds changed" if job["rule"].startswith("select") else reason
    arguments = _arguments(job)
    note = read_coverage(Path(_option(arguments, "--coverage") or ""))
    if note is None:
        return reason
    changed = _changed_settings(note.settings, job["rule"], arguments)
    if changed:
        return f"changed: {', '.join(changed)}"
    if note.token != _option(arguments, "--covers"):
        retries = "--retry-failed" in arguments and note.failed
        return "failed before" if retries else "the gate lets in more clips"
    return reason


def _changed_settings(before: Mapping[str, Any], stage: str, arguments: list[str]) -> list[str]:
    try:
        now = json.loads(json.dumps(planning.prepare(stage, arguments)[0].settings))
    except (OSError, LiveccError):
        return []
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def render(plans: Sequence[StagePlan]) -> str:
    """The plan as a table for a terminal."""
    if not plans:
        return "Nothing to do: everything is made for this configuration."
    head = ["track", "stage", "jobs", "items", "in the cache", "to score", "hours", "why"]
    rows = [head, *(_cells(plan) for plan in plans)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head) - 1)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join([*lines, "", *_notes(plans)])


def _cells(plan: StagePlan) -> list[str]:
    why = ", ".join(
        reason if count == plan.jobs else f"{reason} ({count})"
        for reason, count in plan.reasons.most_common()
    )
    if plan.stage not in SCORE_STAGES:
        return [plan.track, plan.stage, f"{plan.jobs:,}", "", "", "", "", why]
    more = "+" if plan.unknown_jobs else ""
    hours = "?" if plan.hours is None else f"{plan.hours:.2f}{more}"
    return [
        *(plan.track, plan.stage, f"{plan.jobs:,}"),
        *(f"{plan.items:,}{more}", f"{plan.found:,}{more}", f"{plan.to_score:,}{more}"),
        *(hours if plan.to_score or more else "", why),
    ]


def _notes(plans: Iterable[StagePlan]) -> list[str]:
    plans = list(plans)
    notes = []
    if any(plan.unknown_jobs for plan in plans):
        items = sum(plan.unknown_items for plan in plans)
        notes.append(
            "+ and what jobs will find whose inputs are made in this run "
            f"({sum(plan.unknown_jobs for plan in plans):,} jobs; they had {items:,} items)."
        )
    if any(plan.hours is None and plan.to_score for plan in plans):
        notes.append("? no earlier job of the stage tells how fast it is.")
    jobs = sum(plan.jobs for plan in plans)
    known = [plan for plan in plans if plan.hours is not None]
    on_gpu = sum(plan.hours or 0 for plan in known if plan.device != "cpu")
    on_cpu = sum(plan.hours or 0 for plan in known if plan.device == "cpu")
    parts = [f"{hours:.2f} {kind} hours" for hours, kind in ((on_gpu, "GPU"), (on_cpu, "CPU"))]
    return [*notes, f"{jobs:,} jobs, about {' and '.join(parts)} for what is known."]


def to_json(plans: Iterable[StagePlan]) -> list[dict[str, Any]]:
    return [{**vars(plan), "reasons": dict(plan.reasons)} for plan in plans]
