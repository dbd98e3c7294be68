"""Which clips a set of thresholds keeps, decided from stored scores.

Rules are applied in order; the first one that a clip fails drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from livecc.scores.columns import ScoreColumns
from livecc.terminal import printable
from livecc.thresholds.kinds import Threshold
from livecc.thresholds.sets import TOP

if TYPE_CHECKING:
    from livecc.selecting.top import Cut

#: Prefix of the reason for clips dropped because a score is missing.
UNSCORED = "not scored: "
#: Prefix of the reason for clips dropped because a value is unknown.
UNKNOWN = "unknown: "
#: Pseudo-rule that drops unusable clips, before any rule.
NO_CLIP = "clip"


@dataclass(frozen=True)
class Decisions:
    """Decisions on `n` clips.

    `rules` are the names of what can drop a clip, in order; `dropped_by` holds for each clip the
    index of the one that did, or -1 for a kept clip. `unscored` is true where that rule had no
    score, `unknown` where the score lacked the value. All three are numpy arrays of length n.
    """

    rules: tuple[str, ...]
    dropped_by: Any
    unscored: Any
    unknown: Any

    @cached_property
    def kept(self) -> Any:
        """n booleans (numpy)."""
        return self.dropped_by < 0

    def reaches(self, rule: str) -> Any:
        """n booleans: the clips that no earlier rule drops."""
        return self.kept | (self.dropped_by >= self.rules.index(rule))

    def rule_names(self) -> list[str | None]:
        """What drops each clip; None for one that is kept."""
        names = [*self.rules, None]  # -1 is the last
        return [names[number] for number in self.dropped_by.tolist()]

    def dropped(self, unscored: bool = False, unknown: bool = False) -> dict[str, int]:
        """Rule -> number of clips that it drops (without a score, or value), omitting zeros."""
        import numpy as np

        among = self.unscored if unscored else self.unknown if unknown else True
        chosen = self.dropped_by[~self.kept & among]
        counts = np.bincount(chosen, minlength=len(self.rules)).tolist()
        return {name: count for name, count in zip(self.rules, counts, strict=True) if count}


def decide(
    columns: ScoreColumns,
    thresholds: Mapping[str, Threshold],
    on_unscored: str,
    on_unknown: str = "drop",
    cut: Cut | None = None,
) -> Decisions:
    """Apply `thresholds`, each of which must have its stage's scores in `columns`, and then `cut`.

    A clip without the score that a rule uses passes if `on_unscored` is "keep" and the rule allows
    that; otherwise it is dropped. So is one whose score lacks the value, unless `on_unknown` is
    "keep" and the rule is one whose values may be unknown.
    """
    import numpy as np

    left = columns.ok
    dropped_by = np.where(left, -1, 0).astype(np.int8)
    unscored, unknown = np.zeros(len(left), bool), np.zeros(len(left), bool)
    for number, (name, threshold) in enumerate(thresholds.items(), 1):
        passes = threshold.mask(columns.values)
        rule = columns.rules[name]
        if rule.of_score:
            if on_unscored == "keep" and rule.may_keep_unscored:
                passes = passes | ~columns.scored[name]
            else:
                unscored |= left & ~columns.scored[name]
        if rule.may_be_unknown:
            if on_unknown == "keep":
                passes = passes | columns.unknown(name)
            else:
                unknown |= left & columns.unknown(name)
        dropped_by[left & ~passes] = number
        left = left & passes
    rules = (NO_CLIP, *thresholds)
    if cut is not None:
        dropped_by[left & ~cut.mask(columns)] = len(rules)
        rules = (*rules, TOP)
    return Decisions(rules, dropped_by, unscored, unknown)


def reasons(
    columns: ScoreColumns,
    thresholds: Mapping[str, Threshold],
    decisions: Decisions,
    cut: Cut | None = None,
) -> Iterator[str | None]:
    """Why each clip was dropped, in words; None for a kept clip.

    `cut` is that of `decide`. `columns` must have been read with their reasons.
    """
    why = columns.clips["reason"]
    values = {
        name: {column: columns.values[column].to_pylist() for column in columns.rules[name].columns}
        for name in thresholds
    }
    beyond = [] if cut is None else list(cut.reasons(columns))
    no_score = {name: texts.to_pylist() for name, texts in columns.reasons.items()}
    marks = (decisions.dropped_by, decisions.unscored, decisions.unknown)
    for n, (number, unscored, unknown) in enumerate(zip(*map(list, marks), strict=True)):
        name = decisions.rules[number]
        if number < 0:
            yield None
        elif number == 0:
            yield why[n].as_py()
        elif name == TOP:
            yield printable(beyond[n])
        elif unscored:
            yield UNSCORED + printable(no_score[name][n] or "outside the gate")
        elif unknown:
            missing = [column for column, found in values[name].items() if found[n] is None]
            yield UNKNOWN + ", ".join(missing)
        else:
            row = {column: column_values[n] for column, column_values in values[name].items()}
            # It may quote a label of somebody's table.
            failure = thresholds[name].failure(row)
            yield failure and printable(failure)
