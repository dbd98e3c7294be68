"""Thresholds: what a selection keeps, and which items a gate lets through to an expensive stage.

Both are read from the configuration as a mapping from rule name to bounds. `RULES` is the order in
which rules are applied; the first one that a clip fails is the reason it was dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Rule name -> columns of the tables it looks at, in the order the rules are applied.
RULES: dict[str, tuple[str, ...]] = {
    "words_per_second": ("words_per_second",),
    "language": ("language", "language_confidence"),
    "lm_loss": ("lm_loss",),
    "talking_head": ("talking_head",),
    "active_speaker": ("active_speaker",),
    "prompt": ("answer",),
}


class Rule(Protocol):
    """One bound on the values of a clip."""

    def failure(self, values: Mapping[str, Any]) -> str | None:
        """Why the values are outside, in a few words; None when they are inside."""

    def mask(self, columns: Mapping[str, Any]) -> Any:
        """The same for n clips: columns (pyarrow, n values each) -> n booleans (numpy)."""

    def covers(self, other: Any) -> bool:
        """Whether everything inside `other`, a rule of the same name, is inside this one."""

    @property
    def empty(self) -> bool:
        """Whether nothing is inside."""

    def to_json(self) -> dict[str, Any]:
        """The bounds as the configuration has them."""


@dataclass(frozen=True)
class Band:
    """`min` <= value <= `max`, and value < `below`; a bound that is None does not bind."""

    column: str
    min: float | None = None
    max: float | None = None
    below: float | None = None

    def failure(self, values: Mapping[str, Any]) -> str | None:
        value = values[self.column]
        if value is None or math.isnan(value):
            return f"{self.column} is not a number"
        if self.min is not None and value < self.min:
            return f"{self.column} {value:.6g} < {self.min:g}"
        if self.max is not None and value > self.max:
            return f"{self.column} {value:.6g} > {self.max:g}"
        if self.below is not None and value >= self.below:
            return f"{self.column} {value:.6g} >= {self.below:g}"
        return None

    def mask(self, columns: Mapping[str, Any]) -> Any:
        values = _numbers(columns[self.column])
        inside = values == values  # not NaN
        if self.min is not None:
            inside &= values >= self.min
        if self.max is not None:
            inside &= values <= self.max
        if self.below is not None:
            inside &= values < self.below
        return inside

    @property
    def empty(self) -> bool:
        low, (high, inclusive) = self._low(), self._high()
        return low > high or (low == high and not inclusive)

    def covers(self, other: Band) -> bool:
        return other.empty or (self._low() <= other._low() and other._high() <= self._high())

    def _low(self) -> float:
        return -math.inf if self.min is None else self.min

    def _high(self) -> tuple[float, bool]:
        """(upper end, whether it is inside): `max: 0.3` reaches further than `below: 0.3`."""
        ends = [] if self.max is None else [(self.max, True)]
        ends += [] if self.below is None else [(self.below, False)]
        return min(ends, default=(math.inf, True))

    def to_json(self) -> dict[str, float]:
        bounds = {"min": self.min, "max": self.max, "below": self.below}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True)
class Language:
    """The label is one of `labels`, with at least `min_confidence`."""

    labels: tuple[str, ...]
    min_confidence: float = 0.0

    def failure(self, values: Mapping[str, Any]) -> str | None:
        label, confidence = values["language"], values["language_confidence"]
        if label not in self.labels:
            return f"language {label} is not {' or '.join(self.labels)}"
        if confidence is None or not confidence >= self.min_confidence:
            confidence = math.nan if confidence is None else confidence
            return f"language {label} with confidence {confidence:.3g} < {self.min_confidence:g}"
        return None

    def mask(self, columns: Mapping[str, Any]) -> Any:
        confident = _numbers(columns["language_confidence"]) >= self.min_confidence
        return is_in(columns["language"], self.labels) & confident

    @property
    def empty(self) -> bool:
        return not self.labels

    def covers(self, other: Language) -> bool:
        labels = set(other.labels) <= set(self.labels)
        return other.empty or (labels and other.min_confidence >= self.min_confidence)

    def to_json(self) -> dict[str, Any]:
        return {"labels": list(self.labels), "min_confidence": self.min_confidence}


@dataclass(frozen=True)
class Prompt:
    """The prompt maker's answer is one of `answers`."""

    answers: tuple[str, ...]

    def failure(self, values: Mapping[str, Any]) -> str | None:
        answer = values["answer"]
        return None if answer in self.answers else f"answer {answer}"

    def mask(self, columns: Mapping[str, Any]) -> Any:
        return is_in(columns["answer"], self.answers)

    @property
    def empty(self) -> bool:
        return not self.answers

    def covers(self, other: Prompt) -> bool:
        return set(other.answers) <= set(self.answers)

    def to_json(self) -> dict[str, Any]:
        return {"answers": list(self.answers)}


def _numbers(column: Any) -> Any:
    """A numeric pyarrow column as float64, null as NaN."""
    import pyarrow

    return column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)


def is_in(column: Any, texts: Sequence[str]) -> Any:
    """Which values of a pyarrow column of strings are among `texts`; null is not."""
    import pyarrow
    import pyarrow.compute as pc

    found = pc.is_in(column, value_set=pyarrow.array(texts, pyarrow.string()))
    return found.to_numpy(zero_copy_only=False)


def parse_rules(config: Mapping[str, Any], names: Iterable[str] = RULES) -> dict[str, Rule]:
    """The rules of a selection or gate, in the order of RULES; an absent or null one does not bind.

    Only rules in `names` are taken: a switched-off stage has no score to look at.
    """
    wanted = set(names)
    rules: dict[str, Rule] = {}
    for name in RULES:
        bounds = config.get(name)
        if name not in wanted or bounds is None:
            continue
        if name == "language":
            rules[name] = Language(
                tuple(bounds["labels"]), float(bounds.get("min_confidence", 0.0))
            )
        elif name == "prompt":
            rules[name] = Prompt(tuple(bounds["answers"]))
        else:
            rules[name] = Band(name, **{key: float(value) for key, value in bounds.items()})
    return rules


def rules_to_json(rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Inverse of `parse_rules`."""
    return {name: rule.to_json() for name, rule in rules.items()}


def first_failure(
    rules: Mapping[str, Rule], values: Mapping[str, Any]
) -> tuple[str, str] | tuple[None, None]:
    """(rule, why) of the first rule that the values fail, or (None, None)."""
    for name, rule in rules.items():
        why = rule.failure(values)
        if why is not None:
            return name, why
    return None, None


def union(selections: Sequence[Mapping[str, Rule]]) -> dict[str, Rule]:
    """The narrowest rules that let through everything that some selection lets through.

    A rule binds only when every selection has it; a band's bound only when every band has one.
    """
    if not selections:
        return {}
    result: dict[str, Rule] = {}
    for name in RULES:
        rules = [selection[name] for selection in selections if name in selection]
        if len(rules) < len(selections):
            continue
        merged = _UNIONS.get(name, _union_band)(rules)
        if merged is not None:
            result[name] = merged
    return result


def covers(wider: Mapping[str, Any], narrower: Mapping[str, Any]) -> bool:
    """Whether every clip that the gate `narrower` lets through, `wider` lets through as well.

    Gates are as the configuration has them, with `on_unscored`: with "keep", a clip without the
    score that a rule looks at passes that rule. A clip always has its words_per_second.
    """
    outer, inner = parse_rules(wider), parse_rules(narrower)
    outer_keeps, inner_keeps = (gate.get("on_unscored") == "keep" for gate in (wider, narrower))
    if any(rule.empty and not (inner_keeps and _scored(name)) for name, rule in inner.items()):
        return True
    return all(
        name in inner
        and rule.covers(inner[name])
        and (outer_keeps or not inner_keeps or not _scored(name))
        for name, rule in outer.items()
    )


def _scored(rule: str) -> bool:
    """Whether a rule looks at a score, which may be missing."""
    return rule != "words_per_second"


def _union_language(rules: Sequence[Any]) -> Language:
    labels = dict.fromkeys(label for rule in rules for label in rule.labels)
    return Language(tuple(sorted(labels)), min(rule.min_confidence for rule in rules))


def _union_prompt(rules: Sequence[Any]) -> Prompt:
    return Prompt(tuple(sorted({answer for rule in rules for answer in rule.answers})))


def _union_band(bands: Sequence[Any]) -> Band | None:
    lows = [band.min for band in bands]
    low = None if None in lows else min(lows)
    high, inclusive = max(band._high() for band in bands)
    column = bands[0].column
    if math.isinf(high):
        return Band(column, low) if low is not None else None
    return Band(column, low, high) if inclusive else Band(column, low, None, high)


_UNIONS: dict[str, Callable[[Sequence[Any]], Rule | None]] = {
    "language": _union_language,
    "prompt": _union_prompt,
}
