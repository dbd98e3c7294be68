"""Jobs of the stages with a score cache, and the params that their rules record."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.configuration.resolved import chosen_engine
from livecc.declaration import CachedStage, Stage, TableStage
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout
from livecc.formats.video_paths import VideoFolder
from livecc.models.fetch import describe
from livecc.planning.made_with import is_same, made_with
from livecc.scores.coverage import Coverage, lets_in_all, read_coverage, write_coverage
from livecc.sections import defaults_of
from livecc.stages.describe_video.line_gate import LINE_RULES, lets_in_all_lines
from livecc.stages.job_spec import JobSpec, flags_of_job, recorded_options
from livecc.thresholds.sets import covers


def score_cache(config: Mapping[str, Any]) -> str:
    """The folder of the score cache."""
    return config["score_cache"] or Layout.of(config).cache


def receipts(config: Mapping[str, Any], stage: CachedStage) -> dict[str, str]:
    """Role -> receipt of a model that the stage runs."""
    layout = Layout.of(config)
    models = stage.models(config[stage.name])
    return {
        role: layout.receipt(describe(model.reference)["name"]) for role, model in models.items()
    }


def option_values(config: Mapping[str, Any], stage: CachedStage) -> dict[str, Any]:
    """Argument -> value, for arguments set by the stage's section."""
    section = config[stage.name]
    assert stage.options is not None
    values = stage.options.values(section)
    engine = chosen_engine(config, stage)
    if engine is not None:
        # A plugin engine has its options in the subsection of the same name.
        own = section.get(section["engine"], {})
        values["engine_options"] = (
            {**defaults_of(engine.options), **own} if engine.options is not None else None
        )
    return values


def retries_failed(config: Mapping[str, Any], stage: CachedStage) -> bool:
    """Whether the stage scores failed items again."""
    wanted = config["retry_failed"]
    if isinstance(wanted, str):
        return stage.name == wanted
    return wanted if isinstance(wanted, bool) else stage.name in wanted


def gpus(config: Mapping[str, Any], stage: Stage) -> int:
    """GPUs that a job of a stage needs when it has work."""
    device = config["device"]
    if not isinstance(stage, CachedStage) or device == "cpu":
        return 0
    engine = chosen_engine(config, stage)
    on_gpu = stage.on_gpu if engine is None else engine.on_gpu
    needed = on_gpu == "yes" or (on_gpu == "asked" and device == "cuda")
    return int(config["resources"][stage.name]["gpu"]) if needed else 0


class StageJobs:
    """The jobs of a stage with the shards of a track.

    What does not depend on the shard is worked out once: Snakemake asks for every shard.
    """

    def __init__(self, config: Mapping[str, Any], track: str, stage: CachedStage) -> None:
        self._config, self._track = config, track
        self.layout = Layout.of(config)
        catalogue = configuration.catalogue_of(config)
        stages = configuration.active_stages(config, track)
        self.rules = catalogue.rules
        #: The stages whose scores a gate may use.
        before = itertools.takewhile(lambda one: one is not stage, stages)
        self.earlier = list(before) if stage in stages else []
        gate = configuration.gate(config, track, stage.name)
        reads_lines = "lines" in stage.needs or (stage.gated_by_lines and gate)
        #: Shard -> its input file; None for a stage that does not read it.
        self._lines = configuration.shards(config, track) if reads_lines else None
        needed = gpus(config, stage)
        values = option_values(config, stage)
        videos = config["tracks"][track]["videos"]
        outside = config["tracks"][track]["videos_outside"]
        #: The arguments that determine what the stage computes: a param of its rule.
        self.options = recorded_options(stage, values, videos, config["mode"], outside)
        #: With the models and the version, all that decides its scores.
        self.decides = {
            "options": recorded_options(stage, values, "", config["mode"], outside),
            "models": {
                role: describe(model.reference)
                for role, model in stage.models(config[stage.name]).items()
            },
            "version": stage.version_in(config["mode"]),
        }
        self._made_with: tuple[dict[str, str | None], str] | None = None
        self._job = JobSpec(
            stage=stage,
            track=catalogue.tracks[track],
            shard="",
            files={},
            scores={},
            receipts={role: Path(path) for role, path in receipts(config, stage).items()},
            options={
                flag.name: flag.read(values[flag.name])
                for flag in flags_of_job(stage)
                if flag.name in values
            },
            cache=Path(score_cache(config)),
            videos=VideoFolder(Path(videos), outside) if "videos" in stage.needs else None,
            # The command line leaves out what the stage does not use.
            mode=config["mode"] if "mode" in stage.needs else "default",
            gate=gate,
            # A stage that requests no GPU must not use one that it happens to see.
            device="cpu" if config["device"] == "auto" and not needed else config["device"],
            gpus=needed,
            retry_failed=retries_failed(config, stage),
            external=told_of_external(config),
        )

    def earlier_tables(self, shard: str) -> dict[TableStage, str]:
        """Stage -> its table of a shard, for the stages that a gate may use."""
        files = self.layout.shard(self._job.track.name, shard)
        return {stage: files.scores(stage.name) for stage in self.earlier}

    def spec(self, shard: str) -> JobSpec:
        """The job for a shard, without the threads and what it writes."""
        stage = self._job.stage
        files = self.layout.shard(self._job.track.name, shard)
        tables = self.earlier_tables(shard) if stage.gated else {}
        lines = {}
        if self._lines is not None:
            # Of a shard that is not there, nothing is read.
            lines = {"lines": Path(self._lines.get(shard, shard))}
        return replace(
            self._job,
            shard=shard,
            files=lines
            | {
                name: Path(getattr(files, name))
                for name in ("records", "transcripts", "clips")
                if name in stage.needs
            },
            scores={one: Path(path) for one, path in tables.items()},
        )

    @property
    def made_with(self) -> str:
        """What decides the scores: the record of a finished job.

        The weights count by their digests as well, which are known when a job starts.
        """
        weights = {role: _digest(path) for role, path in self._job.receipts.items()}
        if self._made_with is None or self._made_with[0] != weights:
            digest = made_with(
                {**self.decides, "weights": weights},
                None if self._job.videos is None else self._job.videos.path,
                results=self.layout.results,
            )
            self._made_with = weights, digest
        return self._made_with[1]

    def note(self, shard: str) -> Coverage | None:
        """What the last job of a shard recorded; None without a usable note."""
        files = self.layout.shard(self._job.track.name, shard)
        return read_coverage(Path(files.coverage(self._job.stage.name)))

    def record_as_current(self, shard: str) -> None:
        """Record that the scores of a shard were made with the settings of now."""
        files = self.layout.shard(self._job.track.name, shard)
        before = self.note(shard)
        note = Coverage(
            dict(self._job.gate),
            self.made_with,
            before.failed if before else 0,
            before.settings if before else {},
        )
        write_coverage(Path(files.coverage(self._job.stage.name)), note)

    def is_current(self, shard: str) -> bool:
        """Whether the finished job of a shard need not run for the settings of now."""
        note = self.note(shard)
        if note is None or not is_same(note.made_with, self.made_with):
            return False
        if self._job.retry_failed and note.failed:
            return False
        return self.lets_in_all(shard, note)

    def lets_in_all(self, shard: str, note: Coverage) -> bool:
        """Whether the gate of a shard's last job lets in all that the gate of now does."""
        job = self._job
        if job.stage.gated_by_lines:
            return self._lets_in_all_lines(shard, note)
        gated = job.stage.gated
        files = self.layout.shard(job.track.name, shard)
        tables = self.earlier_tables(shard) if gated else {}
        return lets_in_all(
            note,
            job.gate,
            self.rules,
            Path(files.clips) if gated else None,
            {one: Path(path) for one, path in tables.items()},
        )

    def _lets_in_all_lines(self, shard: str, note: Coverage) -> bool:
        wanted = self._job.gate
        if covers(note.gate, wanted, LINE_RULES):
            return True
        # Without a gate no job reads its lines.
        shards = self._lines or configuration.shards(self._config, self._track)
        try:
            return lets_in_all_lines(Path(shards[shard]), note.gate, wanted, self._config["mode"])
        except LiveccError:
            # The job that reads them reports it.
            return True


def _digest(receipt: Path) -> str | None:
    """The digest of fetched weights; None while they are missing."""
    try:
        digest = read_json(receipt).get("digest")
    except (OSError, LiveccError, AttributeError):
        return None
    return str(digest) if digest else None


@dataclass(frozen=True)
class Command:
    """The command of a job, put together when it is printed or run.

    Snakemake evaluates the params of every job that it considers, and runs few of them; of a job
    that it prints, it asks three times. The weights may be fetched before the job starts.
    """

    start: Sequence[str]
    jobs: StageJobs
    shard: str

    @property
    def made_with(self) -> str:
        """What the job will record (livecc.planning.made_with)."""
        return self.jobs.made_with

    @cached_property
    def _without_record(self) -> str:
        spec = self.jobs.spec(self.shard)
        files = self.jobs.layout.shard(spec.track.name, self.shard)
        words = [*self.start, *spec.arguments(), "--coverage", files.coverage(spec.stage.name)]
        return shlex.join(words)

    def __str__(self) -> str:
        return f"{self._without_record} --made-with {shlex.quote(self.made_with)}"


def job_spec(config: Mapping[str, Any], track: str, stage: CachedStage, shard: str) -> JobSpec:
    """The job of a stage for a shard, without the threads and what it writes."""
    return StageJobs(config, track, stage).spec(shard)


def told_of_external(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of external scores that a job needs to read their tables."""
    return {
        name: {"key": one["key"], "kind": one.get("kind", "band"), "tracks": one.get("tracks")}
        for name, one in config.get("external_scores", {}).items()
    }
