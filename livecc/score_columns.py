"""A shard's clips with their scores as columns, for questions about all of them at once.

What `livecc.score_tables` tells clip by clip; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.files import read_table
from livecc.tables import schema
from livecc.thresholds import RULES, is_in, parse_rules

_CLIP_COLUMNS = ("clip", "video", "status", "words_per_second")


@dataclass(frozen=True)
class ScoreColumns:
    """`n` clips, in order.

    clips: `pyarrow.Table` of n rows, of the table `clips`.
    values: column that rules look at -> n values (pyarrow), null where there is no score.
    scored: rule that looks at a score -> n booleans (numpy), whether there is one.
    reached: the same rule -> n booleans, whether its stage met the clip, be it that scoring failed.
    reasons: the same rule -> n texts (pyarrow), why there is none; null where it was no candidate.
    """

    clips: Any
    values: Mapping[str, Any]
    scored: Mapping[str, Any]
    reached: Mapping[str, Any]
    reasons: Mapping[str, Any]

    @property
    def ok(self) -> Any:
        """n booleans: whether the clip itself could be made."""
        return _is_ok(self.clips["status"])


def read_columns(
    clips: Path,
    scores: Mapping[str, Path],
    gates: Mapping[str, Mapping[str, Any]] | None = None,
    more: Collection[str] = (),
) -> ScoreColumns:
    """The columns of one shard; `scores` maps stages, in their order, to their tables.

    `gates` maps stages to gates that hold whatever a table has: a score outside its stage's gate,
    which a run with a wider one left there, is passed over. `more` names further columns of the
    clips and scores; only with "reason" among them are reasons read.
    Raises LiveccError when a table cannot be read.
    """
    clip_columns = [*_CLIP_COLUMNS, *(name for name in schema("clips").names if name in more)]
    table = read_table(clips, list(dict.fromkeys(clip_columns)))
    values: dict[str, Any] = {"words_per_second": table["words_per_second"]}
    scored: dict[str, Any] = {}
    reached: dict[str, Any] = {}
    reasons: dict[str, Any] = {}
    columns = ScoreColumns(table, values, scored, reached, reasons)  # grows stage by stage
    for stage, path in scores.items():
        id_column, *others = schema(stage).names
        rule = next(rule for rule, names in RULES.items() if set(names) <= set(others))
        wanted = [name for name in others if name in (*RULES[rule], "status", *more)]
        rows = rows_of(table[id_column], read_table(path, [id_column, *wanted]))
        gate = (gates or {}).get(stage)
        if gate:
            inside = table[id_column].filter(inside_gate(columns, gate))
            rows = _only(rows, _among(table[id_column], inside))
        scored[rule] = _is_ok(rows["status"])
        reached[rule] = rows["status"].is_valid().to_numpy()
        ok_rows = _only(rows, scored[rule])
        values |= {name: ok_rows[name] for name in wanted if name not in ("status", "reason")}
        if "reason" in more:
            reasons[rule] = rows["reason"]
    return columns


def rows_of(ids: Any, table: Any) -> Any:
    """The row of `table`, whose first column has its ids, for each of `ids`; nulls for none."""
    import pyarrow.compute as pc

    if len(ids) == table.num_rows and ids.equals(table.column(0)):
        return table
    return table.take(pc.index_in(ids, value_set=table.column(0).combine_chunks()))


def _only(table: Any, mask: Any) -> Any:
    """The table with nulls in the rows that are not in the mask."""
    import numpy as np
    import pyarrow

    if mask.all():
        return table
    return table.take(pyarrow.array(np.arange(len(mask)), mask=~mask))


def _among(ids: Any, chosen: Any) -> Any:
    import pyarrow.compute as pc

    return pc.is_in(ids, value_set=chosen.combine_chunks()).to_numpy()


def _is_ok(status: Any) -> Any:
    return is_in(status, ("ok",))


def inside_gate(columns: ScoreColumns, gate: Mapping[str, Any]) -> Any:
    """n booleans: the clips inside a gate; see `livecc.score_tables.candidates`."""
    import numpy as np

    keep_unscored = gate.get("on_unscored") == "keep"
    inside = columns.ok
    for name, rule in parse_rules(gate).items():
        if name == "words_per_second":
            passes = rule.mask(columns.values)
        elif name in columns.scored:
            passes = rule.mask(columns.values) | (keep_unscored & ~columns.scored[name])
        else:
            passes = np.full(len(inside), keep_unscored)
        inside = inside & passes
    return inside


def candidate_ids(
    clips: Path, scores: Mapping[str, Path], gate: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """(clips inside a gate, their videos without repeats), in order.

    The clips are those of `livecc.score_tables.candidates`.
    """
    import pyarrow.compute as pc

    columns = read_columns(clips, scores)
    table = columns.clips.filter(inside_gate(columns, gate))
    return table["clip"].to_pylist(), pc.unique(table["video"]).to_pylist()
