"""A shard's clips with their scores as columns, for questions about all of them at once.

What `livecc.score_tables` tells clip by clip; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.files import read_table
from livecc.tables import schema
from livecc.thresholds import RULES, parse_rules


@dataclass(frozen=True)
class ScoreColumns:
    """`n` clips, in order.

    `clips` is a `pyarrow.Table` of n rows of the table `clips`. `values` maps each column that
    rules look at to n values (pyarrow), null where there is no score. `scored` maps each rule that
    looks at a score to n booleans (numpy): whether the stage's row of the clip has status ok.
    `reached` maps it to n booleans: whether there is a row at all.
    """

    clips: Any
    values: Mapping[str, Any]
    scored: Mapping[str, Any]
    reached: Mapping[str, Any]

    @property
    def ok(self) -> Any:
        """n booleans: whether the clip itself could be made."""
        return _is_ok(self.clips["status"])


def read_columns(
    clips: Path, scores: Mapping[str, Path], clip_columns: Sequence[str] = ()
) -> ScoreColumns:
    """The columns of one shard; `scores` maps stages to their tables.

    Of the table `clips` only what rules need is read, and `clip_columns`.
    Raises LiveccError when a table cannot be read.
    """
    needed = dict.fromkeys(("clip", "video", "status", "words_per_second", *clip_columns))
    table = read_table(clips, list(needed))
    values = {"words_per_second": table["words_per_second"]}
    scored, reached = {}, {}
    for stage, path in scores.items():
        id_column, *others = schema(stage).names
        for rule, columns in RULES.items():
            if not set(columns) <= set(others):
                continue
            rows = _rows_of(table[id_column], read_table(path, [id_column, "status", *columns]))
            values |= {column: rows[column] for column in columns}
            scored[rule] = _is_ok(rows["status"])
            reached[rule] = rows["status"].is_valid().to_numpy()
    return ScoreColumns(table, values, scored, reached)


def _rows_of(ids: Any, table: Any) -> Any:
    """The row of `table`, whose first column has its ids, for each of `ids`; nulls for none."""
    import pyarrow.compute as pc

    if len(ids) == table.num_rows and ids.equals(table.column(0)):
        return table
    return table.take(pc.index_in(ids, value_set=table.column(0).combine_chunks()))


def _is_ok(status: Any) -> Any:
    import pyarrow.compute as pc

    return pc.equal(status, "ok").fill_null(False).to_numpy()


def candidate_ids(
    clips: Path, scores: Mapping[str, Path], gate: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """(clips inside a gate, their videos without repeats), in order.

    The clips are those of `livecc.score_tables.candidates`.
    """
    import pyarrow.compute as pc

    columns = read_columns(clips, scores)
    inside = columns.ok
    for name, rule in parse_rules(gate).items():
        if name == "words_per_second":
            inside = inside & rule.mask(columns.values)
        elif name in columns.scored:
            scored = columns.scored[name]
            passes = scored & rule.mask(columns.values)
            inside = inside & (passes | ~scored if gate.get("on_unscored") == "keep" else passes)
        elif gate.get("on_unscored") != "keep":
            return [], []
    table = columns.clips.filter(inside)
    return table["clip"].to_pylist(), pc.unique(table["video"]).to_pylist()
