"""The scores of a shard's clips or videos in an external table."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.files.digests import file_sha256
from livecc.files.parquet import read_table, write_arrow
from livecc.scores.job import StageStats
from livecc.stages.external_scores.declaration import ExternalScore, ExternalStage
from livecc.stages.external_scores.keys import COMPARED_ROWS
from livecc.stages.external_scores.table import rows
from livecc.terminal import count

log = logging.getLogger(__name__)

#: Reasons for rows without a usable score.
NO_VALUE, NOT_A_NUMBER = "no value in the table", "not a number in the table"
_SHOWN_KEYS = 3


@dataclass(frozen=True)
class _Matched:
    """The rows of a table that match one of a shard's items, and the total number of rows.

    keys, scores: `pyarrow.Array`s. example: the first key of the table; None if it is empty.
    repeated: rows whose key stands in an earlier row; None if there are too many rows to tell.
    """

    keys: Any
    scores: Any
    table_rows: int
    example: str | None
    repeated: int | None


def run(
    stage: ExternalStage,
    told: ExternalScore,
    clips: Path,
    output: Path,
    stats: Path,
    *,
    track: str,
    shard: str,
    made_with: str = "",
) -> None:
    """Write the table of scores of a shard, in the order of its clips, and stats.

    An item missing from the table has no row; one with a null score has a failed row. Raises
    LiveccError, before writing anything, when the table cannot be read, contains an item's key
    more than once, or has a row without a key.
    """
    import pyarrow.compute as pc

    started = time.monotonic()
    table = told.path
    items = pc.unique(read_table(clips, [stage.item])[stage.item])
    matched = _match(table, told, items)
    _check_once(table, told, matched.keys)
    # The order of the clips, not that of the table.
    place = pc.drop_null(pc.index_in(items, value_set=matched.keys))
    scores = _score_table(stage, matched.keys.take(place), matched.scores.take(place))
    failed = scores.num_rows - (pc.sum(pc.equal(scores["status"], "ok")).as_py() or 0)
    if len(items) and matched.table_rows and not scores.num_rows:
        log.warning(
            "warning: no key of %s (%s, column %s, such as %r) matches a %s of this shard "
            "(such as %r)",
            *(table, count(matched.table_rows, "row"), told.keys, matched.example),
            *(stage.item, items[0].as_py()),
        )
    if matched.repeated is None:
        log.warning(
            "%s: its %s are too many to search for repeated keys that match nothing here",
            *(table, count(matched.table_rows, "row")),
        )
    elif matched.repeated:
        # Keys of other shards, which fail there, or of nothing at all.
        log.warning(
            "warning: %s: %s in column %s with the key of an earlier row; a %s can have only one "
            "score, and keys that match something cost the shard that has them",
            *(table, count(matched.repeated, "row"), told.keys, told.key),
        )
    write_arrow(output, scores)
    result = StageStats(
        *(stage.name, track, shard),
        items=len(items),
        scored=scores.num_rows - failed,
        failed=failed,
        seconds={"load": 0.0, "score": time.monotonic() - started},
        details={
            "keys": matched.table_rows,
            "repeated": matched.repeated,
            "matched": scores.num_rows,
            "example": matched.example,
            "source": {
                "table": table.name,
                "sha256": file_sha256(table),
                "rows": matched.table_rows,
                "kind": told.kind,
                "key": told.key,
                "key_column": told.keys,
                "column": told.column,
            },
        },
    )
    write_json(stats, {**result.__dict__, "made_with": made_with})
    log.info(
        "%s %s/%s: %s, %d scored, %d failed, %d not in the table, %.1f s",
        *(stage.name, track, shard, count(result.items, "item"), result.scored, failed),
        *(result.items - scores.num_rows, time.monotonic() - started),
    )


def _match(table: Path, told: ExternalScore, items: Any) -> _Matched:
    import pyarrow
    import pyarrow.compute as pc

    parts, all_keys = [], []
    table_rows, example = 0, None
    for batch in rows(table, told.keys, told.column, labels=told.kind == "labels"):
        keys = batch.column("key")
        without = keys.null_count + (pc.sum(pc.equal(keys, "")).as_py() or 0)
        if without:
            raise LiveccError(
                f"{table}: {count(without, 'row')} from row {table_rows + 1:,} on without a key "
                f"(column {told.keys}); remove rows without a {told.key}"
            )
        example = keys[0].as_py() if example is None and len(keys) else example
        table_rows += len(keys)
        if table_rows <= COMPARED_ROWS:
            all_keys.append(keys)
        else:
            all_keys.clear()
        parts.append(batch.filter(pc.is_in(keys, value_set=items)))
    empty = pyarrow.record_batch(
        [pyarrow.array([], pyarrow.string()), pyarrow.array([], _score_type(told))],
        names=["key", "score"],
    )
    whole = pyarrow.Table.from_batches(parts or [empty]).combine_chunks()
    keys, scores = (
        one.combine_chunks() if isinstance(one, pyarrow.ChunkedArray) else one
        for one in whole.columns
    )
    repeated = None
    if table_rows <= COMPARED_ROWS:
        repeated = (
            table_rows
            - pc.count_distinct(pyarrow.chunked_array(all_keys, pyarrow.string())).as_py()
        )
    return _Matched(keys, scores, table_rows, example, repeated)


def _score_type(told: ExternalScore) -> Any:
    import pyarrow

    return pyarrow.string() if told.kind == "labels" else pyarrow.float64()


def _check_once(table: Path, told: ExternalScore, keys: Any) -> None:
    """Raise LiveccError for duplicate keys."""
    import pyarrow.compute as pc

    counts = pc.value_counts(keys)
    doubled = counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    if not doubled:
        return
    shown = [f"{one['values']!r} {one['counts']} times" for one in doubled[:_SHOWN_KEYS]]
    more = len(doubled) - len(shown)
    raise LiveccError(
        f"{table}: column {told.keys} has {_listed(shown)}"
        + (f", and {count(more, 'other key')} more than once" if more else "")
        + f"; a {told.key} can have only one score: remove the other rows"
    )


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts)


def _score_table(stage: ExternalStage, keys: Any, scores: Any) -> Any:
    """The table of scores, with unusable ones as failed rows."""
    import pyarrow
    import pyarrow.compute as pc

    is_null = scores.is_null()
    is_nan = pc.fill_null(pc.is_nan(scores), False) if _is_number(scores) else None
    bad = is_null if is_nan is None else pc.or_(is_null, is_nan)
    reason = pc.if_else(is_null, NO_VALUE, NOT_A_NUMBER)
    none = pyarrow.nulls(len(keys), pyarrow.string())
    columns = [
        keys,
        pc.if_else(bad, "failed", "ok"),
        pc.if_else(bad, reason, none),
        pc.if_else(bad, pyarrow.nulls(len(keys), scores.type), scores),
    ]
    return pyarrow.table(columns, schema=stage.schema)


def _is_number(scores: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_floating(scores.type))
