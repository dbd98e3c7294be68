"""Which clips a set of thresholds keeps, decided from stored scores alone.

Rules are applied in order; the first that a clip fails is the one that drops it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from livecc.score_columns import ScoreColumns
from livecc.thresholds import RULES, Rule

#: How the reason of a clip begins that was dropped because a score is missing.
UNSCORED = "not scored: "


@dataclass(frozen=True)
class Decisions:
    """What becomes of `n` clips.

    `rules` are the names of what can drop a clip, in order; `dropped_by` holds for each clip the
    index of the one that did, or -1 for a clip that is kept. `unscored` is true where that rule had
    no score to look at. Both are numpy arrays of length n.
    """

    rules: tuple[str, ...]
    dropped_by: Any
    unscored: Any

    @cached_property
    def kept(self) -> Any:
        """n booleans (numpy)."""
        return self.dropped_by < 0

    def reaches(self, rule: str) -> Any:
        """n booleans: the clips that no rule before this one drops."""
        return self.kept | (self.dropped_by >= self.rules.index(rule))

    def rule_names(self) -> list[str | None]:
        """What drops each clip; None for one that is kept."""
        names = [*self.rules, None]  # -1 is the last
        return [names[number] for number in self.dropped_by.tolist()]

    def dropped(self, unscored: bool = False) -> dict[str, int]:
        """Rule -> clips that it drops (that it has no score of), without zeros."""
        import numpy as np

        chosen = self.dropped_by[~self.kept & (self.unscored if unscored else True)]
        counts = np.bincount(chosen, minlength=len(self.rules)).tolist()
        return {name: count for name, count in zip(self.rules, counts, strict=True) if count}


def decide(columns: ScoreColumns, rules: Mapping[str, Rule], on_unscored: str) -> Decisions:
    """Apply `rules`, each of which must have its stage's scores in `columns`.

    A clip without the score that a rule looks at passes with `on_unscored` "keep" and is dropped
    otherwise; `prompt` always drops it, because a clip without a query is no sample.
    """
    import numpy as np

    left = columns.ok
    dropped_by = np.where(left, -1, 0).astype(np.int8)
    unscored = np.zeros(len(left), bool)
    for number, (name, rule) in enumerate(rules.items(), 1):
        passes = rule.mask(columns.values)
        if name in columns.scored:
            if on_unscored == "keep" and name != "prompt":
                passes = passes | ~columns.scored[name]
            else:
                unscored |= left & ~columns.scored[name]
        dropped_by[left & ~passes] = number
        left = left & passes
    return Decisions(("clip", *rules), dropped_by, unscored)


def reasons(
    columns: ScoreColumns, rules: Mapping[str, Rule], decisions: Decisions
) -> Iterator[str | None]:
    """Why each clip was dropped, in words; None for one that is kept.

    `columns` must have been read with their reasons.
    """
    why = columns.clips["reason"]
    values = {
        name: {column: columns.values[column].to_pylist() for column in RULES[name]}
        for name in rules
    }
    no_score = {name: texts.to_pylist() for name, texts in columns.reasons.items()}
    for n, (number, unscored) in enumerate(
        zip(decisions.dropped_by.tolist(), decisions.unscored.tolist(), strict=True)
    ):
        name = decisions.rules[number]
        if number < 0:
            yield None
        elif number == 0:
            yield why[n].as_py()
        elif unscored:
            yield UNSCORED + (no_score[name][n] or "outside the gate")
        else:
            row = {column: column_values[n] for column, column_values in values[name].items()}
            yield rules[name].failure(row)
