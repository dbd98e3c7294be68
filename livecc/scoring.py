"""What every score stage does around its engine: look up, score what is missing, write the table.

The engine is loaded only when some item has no score yet, so a job with nothing to do imports no
model library and ends in about a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from livecc.files import write_json, write_table
from livecc.score_cache import ScoreCache
from livecc.tables import schema

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 15.0
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


def score_items(
    items: Callable[[], Iterable[Item[T]]],
    cache: ScoreCache,
    load_engine: Callable[[], Engine[T]],
    stats: StageStats,
    output: Path,
    stats_output: Path,
    write: Callable[[Path, Iterable[tuple[str, Row]]], None] | None = None,
) -> None:
    """Write the score table of a shard to `output`, one row per item in the items' order.

    `items` is called twice (once for the keys, once for the payloads of what is missing), so that
    payloads are never all in memory. Items with the same content are scored once. The table is the
    stage's of `livecc.tables`, whose first column is the item id; `write` writes another format.
    """
    started = time.monotonic()
    keys: dict[str, str | None] = {item.id: item.key for item in items()}
    found = cache.find({key for key in keys.values() if key is not None})
    rows: dict[str, Row] = {}  # item id -> row
    stats.items = len(keys)
    missing = {item_id for item_id, key in keys.items() if key is None or key not in found}
    stats.found = stats.items - len(missing)
    if missing:
        load_started = time.monotonic()
        engine = load_engine()
        stats.seconds["load"] = time.monotonic() - load_started
        progress = _Progress(stats.stage, len(missing))
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


class _Progress:
    """Logs items a second and time left, every PROGRESS_SECONDS."""

    def __init__(self, stage: str, total: int) -> None:
        self.stage, self.total, self.count = stage, total, 0
        self._started = self._logged = time.monotonic()

    def done(self, n: int) -> None:
        self.count += n
        now = time.monotonic()
        if now - self._logged >= PROGRESS_SECONDS and self.count < self.total:
            rate = self.count / (now - self._started)
            left = (self.total - self.count) / rate
            log.info(
                "%s: %d of %d items, %.2f items/s, about %.0f s left",
                *(self.stage, self.count, self.total, rate, left),
            )
            self._logged = now
