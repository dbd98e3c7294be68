"""The kinds of threshold, one class each, and the rules that use them.

A kind defines its bounds in the configuration (`Bounds`), the check (`mask`, `failure`) and the
union of several thresholds (`union`). To add a kind, add a class here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, Self, runtime_checkable

import msgspec
from msgspec import UNSET, UnsetType

from livecc.errors import LiveccError
from livecc.sections import Fraction, LanguageLabel, Section, Text
from livecc.terminal import nearest
from livecc.trainer.window import SLACK_SECONDS


class Threshold(Protocol):
    """The bounds of one rule on the values of a clip."""

    #: The schema of the bounds in the configuration.
    Bounds: ClassVar[type[Section]]
    #: Supported column types, one for each column of a rule.
    column_types: ClassVar[tuple[tuple[str, ...], ...]]

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        """The threshold on `columns` from the configuration's bounds."""

    @classmethod
    def union(cls, several: Sequence[Any]) -> Threshold | None:
        """The narrowest threshold that accepts what any of `several` does; None: no bound."""

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
        """Errors in bounds beyond their schema; `path` is their place in the configuration."""

    def failure(self, values: Mapping[str, Any]) -> str | None:
        """Why the values are outside, in a few words; None when they are inside."""

    def mask(self, columns: Mapping[str, Any]) -> Any:
        """For n clips: columns (pyarrow, n values each) -> n booleans (numpy), true if inside."""

    def covers(self, other: Any) -> bool:
        """Whether this threshold accepts everything that `other`, of the same kind, accepts."""

    @property
    def empty(self) -> bool:
        """Whether no value is inside."""

    def to_json(self) -> dict[str, Any]:
        """The bounds in the form of the configuration."""


class Step(NamedTuple):
    """The least change of a threshold that lets some clip through.

    `distance`: how far the bounds move, for comparison within one kind. `bounds`: those that
    change, in the form of the configuration.
    """

    distance: float
    bounds: dict[str, Any]


@runtime_checkable
class Widens(Protocol):
    """A threshold that can say its nearest wider one; optional for the kinds of other packages."""

    def nearest(self, columns: Mapping[str, Any], mask: Any) -> Step | None:
        """The least change that lets one of the clips in `mask`, all outside, through.

        `columns` are those of `Threshold.mask`, `mask` n booleans (numpy). None if none can be let
        through, because their values are missing.
        """


@dataclass(frozen=True)
class Rule:
    """A name under which a selection or a gate may set bounds on columns.

    says: label of the clips it drops, in a summary ("other language").
    of_score: whether the values are a score, which a clip may lack.
    may_keep_unscored: whether `on_unscored: keep` keeps a clip without the score.
    may_be_unknown: whether a row that is there may lack the value, so that `on_unknown` decides.
    of_line: whether the value is a fact that the video's input line tells, so that gates of stages
        that make clips may use the rule.
    values: all values that there are, if bounds name some of them; empty: any text.
    """

    name: str
    kind: type[Threshold]
    columns: tuple[str, ...]
    says: str
    of_score: bool = True
    may_keep_unscored: bool = True
    may_be_unknown: bool = False
    of_line: bool = False
    values: tuple[str, ...] = ()

    def problems(self, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
        """Errors in bounds beyond their schema; `path` is their place in the configuration."""
        yield from self.kind.problems(path, bounds)
        for bound, texts in bounds.items():
            for text in texts if self.values and isinstance(texts, list) else ():
                if text not in self.values:
                    yield (
                        f"{path}.{bound}: {text!r} is not allowed{nearest(text, self.values)}; "
                        f"allowed: {', '.join(self.values)}"
                    )

    def parse(self, bounds: Mapping[str, Any]) -> Threshold:
        return self.kind.parse(self.columns, bounds)


#: Needs no score: every clip has a speed.
WORDS_PER_SECOND = "words_per_second"


class _BandBounds(Section):
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET
    below: float | UnsetType = UNSET


@dataclass(frozen=True)
class Band:
    """`min` <= value <= `max`, and value < `below`; a bound of None is ignored."""

    column: str
    min: float | None = None
    max: float | None = None
    below: float | None = None

    Bounds: ClassVar[type[Section]] = _BandBounds
    column_types: ClassVar[tuple[tuple[str, ...], ...]] = (("float64", "int32", "int64"),)

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        return cls(columns[0], **{key: float(value) for key, value in bounds.items()})

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
        for upper in ("max", "below"):
            if {"min", upper} <= bounds.keys() and bounds["min"] > bounds[upper]:
                yield min_max(f"{path}.min", bounds, "min", upper)

    @classmethod
    def union(cls, several: Sequence[Any]) -> Band | None:
        lows = [band.min for band in several]
        low = None if None in lows else min(lows)
        high, inclusive = max(band._high() for band in several)
        column = several[0].column
        if math.isinf(high):
            return Band(column, low) if low is not None else None
        return Band(column, low, high) if inclusive else Band(column, low, None, high)

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

    def nearest(self, columns: Mapping[str, Any], mask: Any) -> Step | None:
        values = _numbers(columns[self.column])
        values = values[mask & (values == values)]
        steps = []
        if self.min is not None and (values < self.min).any():
            value = float(values[values < self.min].max())
            steps.append(Step(self.min - value, {"min": _rounded(value, math.floor)}))
        for name, bound in (("max", self.max), ("below", self.below)):
            if bound is None:
                continue
            above = values[values > bound] if name == "max" else values[values >= bound]
            if len(above):
                value = float(above.min())
                new = _rounded(value, math.ceil)
                # `below` excludes its bound.
                new = new if name == "max" or new > value else _rounded(value + _STEP, math.ceil)
                steps.append(Step(value - bound, {name: new}))
        return min(steps, key=lambda step: step.distance, default=None)

    @property
    def empty(self) -> bool:
        low, (high, inclusive) = self._low(), self._high()
        return low > high or (low == high and not inclusive)

    def covers(self, other: Band) -> bool:
        return other.empty or (self._low() <= other._low() and other._high() <= self._high())

    def _low(self) -> float:
        return -math.inf if self.min is None else self.min

    def _high(self) -> tuple[float, bool]:
        """(upper end, whether it is included): `max: 0.3` reaches further than `below: 0.3`."""
        ends = [] if self.max is None else [(self.max, True)]
        ends += [] if self.below is None else [(self.below, False)]
        return min(ends, default=(math.inf, True))

    def to_json(self) -> dict[str, float]:
        bounds = {"min": self.min, "max": self.max, "below": self.below}
        return {name: bound for name, bound in bounds.items() if bound is not None}


#: Bounds that are proposed are rounded outwards to this.
_STEP = 1e-4


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """A number near `value` on the side of `way`, with few digits."""
    return round(way(round(value / _STEP, 6)) * _STEP, 4)


def min_max(path: str, values: Mapping[str, Any], low: str, high: str) -> str:
    """The message for a lower bound above the upper one."""
    return (
        f"{path}: {values[low]} is greater than {high} {values[high]}; lower it or raise {high} "
        "(one that you did not set has its default)"
    )


class _LanguageBounds(Section):
    labels: Annotated[list[LanguageLabel], msgspec.Meta(min_length=1)]
    min_confidence: Fraction | UnsetType = UNSET


@dataclass(frozen=True)
class Language:
    """The label is one of `labels`, with at least `min_confidence`."""

    label_column: str
    confidence_column: str
    labels: tuple[str, ...]
    min_confidence: float = 0.0

    Bounds: ClassVar[type[Section]] = _LanguageBounds
    column_types: ClassVar[tuple[tuple[str, ...], ...]] = (("string",), ("float64",))

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        confidence = float(bounds.get("min_confidence", 0.0))
        return cls(columns[0], columns[1], tuple(bounds["labels"]), confidence)

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG003
        return iter(())

    @classmethod
    def union(cls, several: Sequence[Any]) -> Language:
        labels = {label for one in several for label in one.labels}
        confidence = min(one.min_confidence for one in several)
        first = several[0]
        return cls(first.label_column, first.confidence_column, tuple(sorted(labels)), confidence)

    def failure(self, values: Mapping[str, Any]) -> str | None:
        label, confidence = values[self.label_column], values[self.confidence_column]
        if label not in self.labels:
            return f"{self.label_column} {label} is not {' or '.join(self.labels)}"
        if confidence is None or not confidence >= self.min_confidence:
            confidence = math.nan if confidence is None else confidence
            return (
                f"{self.label_column} {label} with confidence {confidence:.3g} < "
                f"{self.min_confidence:g}"
            )
        return None

    def mask(self, columns: Mapping[str, Any]) -> Any:
        confident = _numbers(columns[self.confidence_column]) >= self.min_confidence
        return is_in(columns[self.label_column], self.labels) & confident

    def nearest(self, columns: Mapping[str, Any], mask: Any) -> Step | None:
        labelled = mask & is_in(columns[self.label_column], self.labels)
        confidences = _numbers(columns[self.confidence_column])[labelled]
        confidences = confidences[confidences == confidences]
        if len(confidences):
            best = float(confidences.max())
            bound = {"min_confidence": max(_rounded(best, math.floor), 0.0)}
            return Step(self.min_confidence - best, bound)
        confident = _numbers(columns[self.confidence_column]) >= self.min_confidence
        return _most_common(columns[self.label_column], mask & confident, "labels", self.labels)

    @property
    def empty(self) -> bool:
        return not self.labels

    def covers(self, other: Language) -> bool:
        labels = set(other.labels) <= set(self.labels)
        return other.empty or (labels and other.min_confidence >= self.min_confidence)

    def to_json(self) -> dict[str, Any]:
        return {"labels": list(self.labels), "min_confidence": self.min_confidence}


@dataclass(frozen=True)
class OneOf:
    """The value is one of the strings that the configuration lists under `key`."""

    column: str
    texts: tuple[str, ...]

    key: ClassVar[str]
    column_types: ClassVar[tuple[tuple[str, ...], ...]] = (("string",),)

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        return cls(columns[0], tuple(bounds[cls.key]))

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG003
        return iter(())

    @classmethod
    def union(cls, several: Sequence[Any]) -> Self:
        texts = {text for one in several for text in one.texts}
        return cls(several[0].column, tuple(sorted(texts)))

    def failure(self, values: Mapping[str, Any]) -> str | None:
        value = values[self.column]
        return None if value in self.texts else f"{self.column} {value}"

    def mask(self, columns: Mapping[str, Any]) -> Any:
        return is_in(columns[self.column], self.texts)

    def nearest(self, columns: Mapping[str, Any], mask: Any) -> Step | None:
        return _most_common(columns[self.column], mask, self.key, self.texts)

    @property
    def empty(self) -> bool:
        return not self.texts

    def covers(self, other: OneOf) -> bool:
        return set(other.texts) <= set(self.texts)

    def to_json(self) -> dict[str, Any]:
        return {self.key: list(self.texts)}


class _AnswersBounds(Section):
    answers: Annotated[list[Literal["YES", "NO"]], msgspec.Meta(min_length=1)]


class Answers(OneOf):
    """A model's answer is one of `answers`."""

    key: ClassVar[str] = "answers"
    Bounds: ClassVar[type[Section]] = _AnswersBounds


class _LabelsBounds(Section):
    labels: Annotated[list[Text], msgspec.Meta(min_length=1)]


class Labels(OneOf):
    """The label is one of `labels`."""

    key: ClassVar[str] = "labels"
    Bounds: ClassVar[type[Section]] = _LabelsBounds


#: Sums of times are rounded.
_MICROSECOND = 1e-6


class _InsideVideoBounds(Section):
    max_seconds_beyond: Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class InsideVideo:
    """The video has the frame with which the trainer says the last word of the clip.

    Its window ends `SLACK_SECONDS` after that frame (`livecc.trainer.window`); the clip may need
    one up to `max_seconds_beyond` after the last.
    """

    seconds_column: str
    end_column: str
    max_seconds_beyond: float

    Bounds: ClassVar[type[Section]] = _InsideVideoBounds
    column_types: ClassVar[tuple[tuple[str, ...], ...]] = (("float64",), ("float64",))

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        return cls(columns[0], columns[1], float(bounds["max_seconds_beyond"]))

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG003
        return iter(())

    @classmethod
    def union(cls, several: Sequence[Any]) -> InsideVideo:
        first = several[0]
        beyond = max(one.max_seconds_beyond for one in several)
        return cls(first.seconds_column, first.end_column, beyond)

    def failure(self, values: Mapping[str, Any]) -> str | None:
        seconds, end = values[self.seconds_column], values[self.end_column]
        if seconds is None or end is None:
            return f"{self.seconds_column} is not a number"
        needed = end - SLACK_SECONDS
        if needed <= seconds + self.max_seconds_beyond + _MICROSECOND:
            return None
        return (
            f"its last word needs a frame at {needed:.2f} s, the last frame of the video is at "
            f"{seconds:.2f} s"
        )

    def mask(self, columns: Mapping[str, Any]) -> Any:
        needed = _numbers(columns[self.end_column]) - SLACK_SECONDS
        seconds = _numbers(columns[self.seconds_column])
        return needed <= seconds + self.max_seconds_beyond + _MICROSECOND

    def nearest(self, columns: Mapping[str, Any], mask: Any) -> Step | None:
        needed = _numbers(columns[self.end_column])[mask] - SLACK_SECONDS
        beyond = needed - _numbers(columns[self.seconds_column])[mask]
        beyond = beyond[beyond == beyond]
        if not len(beyond):
            return None
        least = float(beyond.min())
        bound = {"max_seconds_beyond": _rounded(least, math.ceil)}
        return Step(least - self.max_seconds_beyond, bound)

    @property
    def empty(self) -> bool:
        return False

    def covers(self, other: InsideVideo) -> bool:
        return other.max_seconds_beyond <= self.max_seconds_beyond

    def to_json(self) -> dict[str, float]:
        return {"max_seconds_beyond": self.max_seconds_beyond}


def bounds_of(kind: type[Threshold]) -> dict[str, bool]:
    """Names of a kind's bounds, and whether each is a list of strings."""
    schema = msgspec.json.schema(kind.Bounds)
    properties = schema["$defs"][kind.Bounds.__name__]["properties"]
    return {name: inner.get("type") == "array" for name, inner in properties.items()}


def read_bound(kind: type[Threshold], bound: str, text: str) -> Any:
    """The value of a bound on a command line, with comma-separated lists.

    Raises LiveccError for an invalid number.
    """
    if bounds_of(kind)[bound]:
        return [part.strip(" \"'") for part in text.strip("[]").split(",")]
    try:
        return float(text)
    except ValueError:
        raise LiveccError(f"{text!r} is not a number") from None


def _numbers(column: Any) -> Any:
    """A numeric pyarrow column as float64, null as NaN."""
    import pyarrow

    return column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)


def _most_common(column: Any, mask: Any, key: str, texts: Sequence[str]) -> Step | None:
    """The step that adds the most common text among the clips in a mask to `texts`."""
    import pyarrow

    values = column.filter(pyarrow.array(mask)).drop_null()
    counted = values.value_counts().to_pylist()
    if not counted:
        return None
    found = max(counted, key=lambda one: (one["counts"], one["values"]))
    # Behind any change of a number, the more common the nearer.
    return Step(1 + 1 / found["counts"], {key: [*texts, found["values"]]})


def is_in(column: Any, texts: Sequence[str]) -> Any:
    """Which values of a pyarrow column of strings are in `texts`; nulls are not."""
    import pyarrow
    import pyarrow.compute as pc

    found = pc.is_in(column, value_set=pyarrow.array(texts, pyarrow.string()))
    return found.to_numpy(zero_copy_only=False)
