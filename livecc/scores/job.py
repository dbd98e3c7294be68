"""The job of every score stage: look up the cache, score what is missing, write the table.

The engine is loaded only if items are missing, so a job with nothing to score imports no model
library and ends in about a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from livecc.files.atomic import write_json
from livecc.files.parquet import write_table
from livecc.running.device_lease import hold_gpus
from livecc.running.progress import job_progress, progress_file
from livecc.scores.cache import ScoreCache
from livecc.scores.coverage import Coverage, write_coverage
from livecc.scores.fingerprint import fingerprint
from livecc.terminal import count

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

log = logging.getLogger(__name__)

T = TypeVar("T")
#: The status of an item that was not to be scored, such as a video outside of a gate.
DROPPED = "dropped"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """Something to score: its id in the tables, its content key, and the engine's input.

    `key` is None when there is no content (a missing video): the result is not cached, so the next
    job tries again. `row`: the result of an item that no engine may see, such as a video that must
    not be opened; it is not cached either.
    """

    id: str
    key: str | None
    payload: T
    row: Row | None = None

    @classmethod
    def without_engine(cls, id: str, row: Row) -> Item[T]:
        """An item whose row is known, and that has no input."""
        return cls(id, None, cast(T, None), row)


#: Scores items and yields (item id, row without the id) in batches, as each batch is done.
Engine = Callable[[Iterator[Item[T]]], Iterator[Sequence[tuple[str, Row]]]]
#: Writes (item id, row) pairs to a file.
Writer = Callable[[Path, Iterable[tuple[str, Row]]], None]


@dataclass(frozen=True)
class ScoreJob(Generic[T]):
    """The work of a job on its shard, before any look-up or loading.

    Plans and jobs use the same object, so they agree on what is missing.
    """

    spec: JobSpec
    #: Everything that can change the stage's numbers; its hash names the cache folder.
    settings: Mapping[str, Any]
    #: The items, in the order of the table. Called several times.
    items: Callable[[], Iterable[Item[T]]]
    load_engine: Callable[[], Engine[T]]
    #: Further entries of the job's stats; an engine may add to them.
    details: dict[str, Any] = field(default_factory=dict)
    #: Replaces the default writer of score tables.
    write: Writer | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(**self.settings)

    def open_cache(self) -> ScoreCache:
        spec = self.spec
        return ScoreCache(
            spec.cache,
            spec.stage.name,
            self.fingerprint,
            f"{spec.track.name}.{spec.shard}",
            settings=self.settings,
            packages=spec.packages,
        )


@dataclass
class StageStats:
    """Statistics of a job, for the summary; written next to its scores."""

    stage: str
    track: str
    shard: str
    items: int = 0
    found: int = 0
    scored: int = 0
    #: Items with the same content, and thus the same score, as another one.
    shared: int = 0
    failed: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"load": 0.0, "score": 0.0})
    details: dict[str, Any] = field(default_factory=dict)
    #: Locates the scores in the cache; the manifest of a release explains it.
    fingerprint: str | None = None


def ok(**scores: Any) -> Row:
    """A row with scores."""
    return {"status": "ok", "reason": None, **scores}


def failed(reason: str, *, transient: bool = False, **scores: Any) -> Row:
    """A row with the reason for a missing score.

    A transient failure (a time limit, out of memory) is not cached: the next job that gets the
    item tries again.
    """
    row = {"status": "failed", "reason": reason, **scores}
    return {**row, "transient": True} if transient else row


def engine_version(spec: JobSpec) -> dict[str, Any]:
    """Additional settings of scores made by a plugin engine."""
    engine = spec.engine
    if engine is None or engine.version is None:
        return {}
    return {
        "engine_version": engine.version,
        "engine_options": spec.options.get("engine_options") or {},
    }


def run_job(job: ScoreJob[Any]) -> StageStats:
    """Score what is missing and write the files named by `spec`: output, stats and coverage.

    Raises LiveccError when the job cannot run.
    """
    spec = job.spec
    assert spec.output is not None
    assert spec.stats is not None
    stats = StageStats(
        *(spec.stage.name, spec.track.name, spec.shard),
        details=job.details,
        fingerprint=job.fingerprint,
    )
    with job.open_cache() as cache:
        score_items(
            job.items,
            cache,
            job.load_engine,
            stats,
            spec.output,
            spec.stats,
            job.write or table_writer(spec.stage),
            retry_failed=spec.retry_failed,
            gpus=spec.gpus,
        )
    if spec.coverage is not None:
        # Written last: the note implies a finished job.
        note = Coverage(dict(spec.gate), spec.made_with, stats.failed, dict(job.settings))
        write_coverage(spec.coverage, note)
    return stats


def score_items(
    items: Callable[[], Iterable[Item[T]]],
    cache: ScoreCache,
    load_engine: Callable[[], Engine[T]],
    stats: StageStats,
    output: Path,
    stats_output: Path,
    write: Writer,
    *,
    retry_failed: bool = False,
    gpus: int = 1,
) -> None:
    """Write the score table of a shard to `output`, one row per item in the items' order.

    `items` is called twice (for the keys, then for the payloads of missing items), so that payloads
    are never all in memory. Items with the same content are scored once. `write` writes the rows,
    such as `table_writer` of a stage. With `retry_failed`, previously failed items count as
    missing. A stage that runs on CUDA leases `gpus` GPUs before loading the engine.
    """
    started = time.monotonic()
    keys: dict[str, str | None] = {}
    rows: dict[str, Row] = {}  # item id -> row
    for item in items():
        keys[item.id] = item.key
        if item.row is not None:
            rows[item.id] = item.row
    refused = len(rows)
    found = cache.find({key for key in keys.values() if key is not None}, retry_failed=retry_failed)
    stats.items = len(keys)
    missing = {
        item_id
        for item_id, key in keys.items()
        if item_id not in rows and (key is None or key not in found)
    }
    stats.found = stats.items - len(missing) - refused
    if not missing:
        # Left by a job that was killed after scoring everything.
        progress_file(stats_output).unlink(missing_ok=True)
    else:
        with job_progress(stats.stage, len(missing), stats_output) as progress:
            hold_gpus(stats.details.get("device"), gpus)
            load_started = time.monotonic()
            engine = load_engine()
            stats.seconds["load"] = time.monotonic() - load_started
            progress.loaded()
            claimed: set[str] = set()
            for batch in engine(_unique(items(), missing, claimed)):
                cache.append(
                    (key, row)
                    for item_id, row in batch
                    if (key := keys[item_id]) is not None and not row.get("transient")
                )
                for item_id, row in batch:
                    rows[item_id] = row
                    key = keys[item_id]
                    if key is not None:
                        found[key] = row
                progress.done(len(batch))
        stats.scored = progress.count
        stats.shared = len(missing) - stats.scored
        scoring = time.monotonic() - load_started - stats.seconds["load"]
        cache.record_job(
            scored=stats.scored,
            failed=sum(row["status"] != "ok" for row in rows.values()) - refused,
            load_seconds=round(stats.seconds["load"], 3),
            seconds=round(scoring, 3),
            device=stats.details.get("device", "cpu"),
        )
    for item_id, key in keys.items():
        if item_id not in rows and key is not None and key in found:
            rows[item_id] = found[key]
    unscored = [item_id for item_id in keys if item_id not in rows]
    if unscored:
        raise RuntimeError(f"{stats.stage}: the engine returned no row for {unscored[:3]}")
    stats.failed = sum(row["status"] not in ("ok", DROPPED) for row in rows.values())
    write(output, ((item_id, rows[item_id]) for item_id in keys))
    stats.seconds["score"] = time.monotonic() - started - stats.seconds["load"]
    log.info(
        "%s %s/%s: %s, %d found in the cache, %d scored, %d failed, %.1f s",
        *(stats.stage, stats.track, stats.shard, count(stats.items, "item")),
        *(stats.found, stats.scored, stats.failed, time.monotonic() - started),
    )
    write_json(stats_output, stats.__dict__)


def table_writer(stage: Any) -> Writer:
    """Writes rows as the Parquet table of a stage (a `TableStage`)."""

    def write(output: Path, rows: Iterable[tuple[str, Row]]) -> None:
        table_rows = ({stage.item: item_id, **row} for item_id, row in rows)
        write_table(output, stage.schema, table_rows)

    return write


def _unique(items: Iterable[Item[T]], missing: set[str], claimed: set[str]) -> Iterator[Item[T]]:
    """The missing items, one for each content key."""
    for item in items:
        if item.id in missing and item.key not in claimed:
            if item.key is not None:
                claimed.add(item.key)
            yield item
