"""What every score stage does around its engine: look up, score what is missing, write the table.

The engine is loaded only when some item has no score yet, so a job with nothing to do imports no
model library and ends in about a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from livecc.coverage import Coverage, write_coverage
from livecc.device_lease import hold_gpus
from livecc.files import write_json, write_table
from livecc.fingerprint import fingerprint
from livecc.progress import job_progress, progress_file
from livecc.score_cache import ScoreCache
from livecc.tables import schema

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """Something to score: its id in the tables, the key of its content, and what an engine needs.

    `key` is None when there is no content to name (a video that does not exist): such an item's
    result is not cached, so that it is looked at again by the next job.
    """

    id: str
    key: str | None
    payload: T


Row = dict[str, Any]
#: Scores items and yields (item id, row without the id) in batches, as each batch is done.
Engine = Callable[[Iterator[Item[T]]], Iterator[Sequence[tuple[str, Row]]]]


@dataclass(frozen=True)
class ScoreJob(Generic[T]):
    """What a score stage has to do with one shard, before anything is looked up or loaded.

    The planning step asks the same object what is missing that a job asks, so both agree.
    """

    stage: str
    track: str
    shard: str
    #: Everything that can change the stage's numbers; its hash names the folder of the cache.
    settings: Mapping[str, Any]
    #: The items, in the order of the table. Called several times.
    items: Callable[[], Iterable[Item[T]]]
    load_engine: Callable[[], Engine[T]]
    #: What the job's stats say beside counts; an engine may add to it.
    details: dict[str, Any] = field(default_factory=dict)
    #: Writes another format than the stage's table.
    write: Callable[[Path, Iterable[tuple[str, Row]]], None] | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(**self.settings)

    def open_cache(self, root: Path) -> ScoreCache:
        return ScoreCache(
            root,
            self.stage,
            self.fingerprint,
            f"{self.track}.{self.shard}",
            settings=self.settings,
        )


@dataclass(frozen=True)
class Outcome:
    """Where a score job puts its results, and how it meets earlier ones."""

    cache: Path
    output: Path
    stats: Path
    #: Score again what failed before.
    retry_failed: bool = False
    #: Where to note, at the very end, which gate the scores are for (livecc.coverage).
    coverage: Path | None = None
    covers: str = ""
    gate: Mapping[str, Any] = field(default_factory=dict)
    #: GPUs to take when something is missing and the stage runs on CUDA.
    gpus: int = 1


@dataclass
class StageStats:
    """What a job did, for the summary; written beside its scores."""

    stage: str
    track: str
    shard: str
    items: int = 0
    found: int = 0
    scored: int = 0
    #: Items that have another one's content, and so its score.
    shared: int = 0
    failed: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: {"load": 0.0, "score": 0.0})
    details: dict[str, Any] = field(default_factory=dict)
    #: Where in the cache the scores are; the manifest of a release tells what it stands for.
    fingerprint: str | None = None


def ok(**scores: Any) -> Row:
    """A row with scores."""
    return {"status": "ok", "reason": None, **scores}


def failed(reason: str, *, transient: bool = False, **scores: Any) -> Row:
    """A row that says why there is no score.

    A transient failure (a time limit, too little memory) is not kept in the cache: the next job
    that meets the item tries again.
    """
    row = {"status": "failed", "reason": reason, **scores}
    return {**row, "transient": True} if transient else row


def run_job(job: ScoreJob[Any], outcome: Outcome) -> StageStats:
    """Score what is missing and write the shard's table, stats and coverage."""
    stats = StageStats(
        job.stage, job.track, job.shard, details=job.details, fingerprint=job.fingerprint
    )
    with job.open_cache(outcome.cache) as cache:
        score_items(
            job.items,
            cache,
            job.load_engine,
            stats,
            outcome.output,
            outcome.stats,
            job.write,
            retry_failed=outcome.retry_failed,
            gpus=outcome.gpus,
        )
    if outcome.coverage is not None:
        # The last thing a job does: what is noted is finished.
        note = Coverage(dict(outcome.gate), outcome.covers, stats.failed, dict(job.settings))
        write_coverage(outcome.coverage, note)
    return stats


def score_items(
    items: Callable[[], Iterable[Item[T]]],
    cache: ScoreCache,
    load_engine: Callable[[], Engine[T]],
    stats: StageStats,
    output: Path,
    stats_output: Path,
    write: Callable[[Path, Iterable[tuple[str, Row]]], None] | None = None,
    *,
    retry_failed: bool = False,
    gpus: int = 1,
) -> None:
    """Write the score table of a shard to `output`, one row per item in the items' order.

    `items` is called twice (once for the keys, once for the payloads of what is missing), so that
    payloads are never all in memory. Items with the same content are scored once. The table is the
    stage's of `livecc.tables`, whose first column is the item id; `write` writes another format.
    With `retry_failed`, an item that failed before counts as missing. A stage that runs on CUDA
    takes `gpus` of the machine's GPUs before the engine is loaded.
    """
    started = time.monotonic()
    keys: dict[str, str | None] = {item.id: item.key for item in items()}
    found = cache.find({key for key in keys.values() if key is not None}, retry_failed=retry_failed)
    rows: dict[str, Row] = {}  # item id -> row
    stats.items = len(keys)
    missing = {item_id for item_id, key in keys.items() if key is None or key not in found}
    stats.found = stats.items - len(missing)
    if not missing:
        # A job that was killed when it had scored everything left this.
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
            failed=sum(row["status"] != "ok" for row in rows.values()),
            load_seconds=round(stats.seconds["load"], 3),
            seconds=round(scoring, 3),
            device=stats.details.get("device", "cpu"),
        )
    for item_id, key in keys.items():
        if item_id not in rows and key is not None and key in found:
            rows[item_id] = found[key]
    unscored = [item_id for item_id in keys if item_id not in rows]
    if unscored:
        raise RuntimeError(f"{stats.stage}: the engine gave no row for {unscored[:3]}")
    stats.failed = sum(row["status"] != "ok" for row in rows.values())
    (write or _table_writer(stats.stage))(output, ((item_id, rows[item_id]) for item_id in keys))
    stats.seconds["score"] = time.monotonic() - started - stats.seconds["load"]
    log.info(
        "%s %s/%s: %d items, %d found in the cache, %d scored, %d failed, %.1f s",
        *(stats.stage, stats.track, stats.shard, stats.items, stats.found, stats.scored),
        *(stats.failed, time.monotonic() - started),
    )
    write_json(stats_output, stats.__dict__)


def _table_writer(stage: str) -> Callable[[Path, Iterable[tuple[str, Row]]], None]:
    """Writes rows as the Parquet table of a stage."""

    def write(output: Path, rows: Iterable[tuple[str, Row]]) -> None:
        id_column = schema(stage).names[0]
        table_rows = ({id_column: item_id, **row} for item_id, row in rows)
        write_table(output, schema(stage), table_rows)

    return write


def _unique(items: Iterable[Item[T]], missing: set[str], claimed: set[str]) -> Iterator[Item[T]]:
    """The missing items, one for each content key."""
    for item in items:
        if item.id in missing and item.key not in claimed:
            if item.key is not None:
                claimed.add(item.key)
            yield item
