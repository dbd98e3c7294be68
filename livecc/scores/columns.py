"""A shard's clips and scores as columns, for vectorized decisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import CLIP_RULE_COLUMNS, TableStage, clip_columns_of, rules_of
from livecc.files.parquet import read_table
from livecc.formats.tables import schema
from livecc.thresholds.kinds import Rule, is_in
from livecc.thresholds.sets import LENIENCE, ON_UNKNOWN, ON_UNSCORED

_CLIP_COLUMNS = ("clip", "video", "status", "words_per_second")


@dataclass(frozen=True)
class ScoreColumns:
    """`n` clips, in order.

    rules: the rules that the columns serve, in order.
    clips: `pyarrow.Table` of n rows, of the table `clips`.
    values: column that rules use -> n values (pyarrow), null where there is no score.
    scored: rule that uses a score -> n booleans (numpy), whether there is one.
    reached: the same rule -> n booleans, whether its stage handled the clip, even if it failed.
    reasons: the same rule -> n texts (pyarrow), why there is none; null where the clip was not a
        candidate of the stage.
    """

    rules: Mapping[str, Rule]
    clips: Any
    values: Mapping[str, Any]
    scored: Mapping[str, Any]
    reached: Mapping[str, Any]
    reasons: Mapping[str, Any]

    @property
    def ok(self) -> Any:
        """n booleans: whether the clip itself is usable."""
        return is_ok(self.clips["status"])

    def unknown(self, name: str) -> Any:
        """n booleans: the clips whose score lacks a value that the rule `name` uses."""
        return self.scored[name] & lacks_value(self.values, self.rules[name])


def read_columns(
    clips: Path,
    scores: Mapping[TableStage, Path],
    gates: Mapping[str, Mapping[str, Any]] | None = None,
    more: Collection[str] = (),
) -> ScoreColumns:
    """The columns of one shard; `scores` maps stages, in their order, to their tables.

    `gates` maps stages to explicit gates: a score outside its stage's gate, left by a run with a
    wider one, is ignored. `more` names further columns of the clips and scores; reasons are read
    only with "reason" among them.
    Raises LiveccError when a table cannot be read.
    """
    compared = clip_columns_of(scores)
    wanted_of_clips = (name for name in schema("clips").names if name in more or name in compared)
    table = read_table(clips, list(dict.fromkeys([*_CLIP_COLUMNS, *wanted_of_clips])))
    values: dict[str, Any] = {name: table[name] for name in (*CLIP_RULE_COLUMNS, *compared)}
    scored: dict[str, Any] = {}
    reached: dict[str, Any] = {}
    reasons: dict[str, Any] = {}
    # Grows stage by stage, because a gate uses the stages before its own.
    columns = ScoreColumns(rules_of(scores), table, values, scored, reached, reasons)
    for stage, path in scores.items():
        wanted = [
            name
            for name in ("status", "reason", *stage.columns)
            if name == "status" or name in stage.rule_columns or name in more
        ]
        rows = rows_of(table[stage.item], read_table(path, [stage.item, *wanted]))
        gate = (gates or {}).get(stage.name)
        if gate:
            inside = table[stage.item].filter(inside_gate(columns, gate))
            rows = _only(rows, _among(table[stage.item], inside))
        has_score = is_ok(rows["status"])
        ok_rows = _only(rows, has_score)
        values |= {name: ok_rows[name] for name in wanted if name not in ("status", "reason")}
        for rule in stage.rules:
            scored[rule.name] = has_score
            reached[rule.name] = rows["status"].is_valid().to_numpy(zero_copy_only=False)
            if "reason" in more:
                reasons[rule.name] = _reasons(stage, rows)
    return columns


def _reasons(stage: TableStage, rows: Any) -> Any:
    """Why there is no score, including for items without a row."""
    import pyarrow.compute as pc

    if stage.absent is None:
        return rows["reason"]
    return pc.if_else(rows["status"].is_valid(), rows["reason"], stage.absent)


def rows_of(ids: Any, table: Any) -> Any:
    """The row of `table`, keyed by its first column, for each of `ids`; nulls where missing."""
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


def lacks_value(values: Mapping[str, Any], rule: Rule) -> Any:
    """n booleans: where a column (pyarrow) that the rule uses is null."""
    import numpy as np

    nulls = [values[name].is_null().to_numpy(zero_copy_only=False) for name in rule.columns]
    return np.logical_or.reduce(nulls)


def is_ok(status: Any) -> Any:
    """n booleans: which of n statuses (pyarrow) say that there is a result."""
    return is_in(status, ("ok",))


def inside_gate(columns: ScoreColumns, gate: Mapping[str, Any]) -> Any:
    """n booleans: the clips inside a gate.

    A clip without the score that a rule uses is outside, unless the gate has `on_unscored: keep`;
    one whose value is unknown, unless it has `on_unknown: keep`.
    """
    import numpy as np

    keep_unscored = gate.get(ON_UNSCORED) == "keep"
    keep_unknown = gate.get(ON_UNKNOWN) == "keep"
    inside = columns.ok
    for name, bounds in gate.items():
        if name in LENIENCE or bounds is None:
            continue
        rule = columns.rules.get(name)
        if rule is None or (rule.of_score and name not in columns.scored):
            passes = np.full(len(inside), keep_unscored)
        elif rule.of_score:
            passes = rule.parse(bounds).mask(columns.values)
            passes = passes | (keep_unscored & ~columns.scored[name])
            if keep_unknown and rule.may_be_unknown:
                passes = passes | columns.unknown(name)
        else:
            passes = rule.parse(bounds).mask(columns.values)
        inside = inside & passes
    return inside


def candidate_ids(
    clips: Path, scores: Mapping[TableStage, Path], gate: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """(clips inside a gate, their distinct videos), in order.

    The same clips as those of `livecc.scores.tables.candidates`.
    """
    import pyarrow.compute as pc

    columns = read_columns(clips, scores)
    table = columns.clips.filter(inside_gate(columns, gate))
    return table["clip"].to_pylist(), pc.unique(table["video"]).to_pylist()
