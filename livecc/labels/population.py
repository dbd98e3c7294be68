"""All clips of a selection as a few columns in memory: its decisions, and the scores in numbers.

Some 60 bytes a clip: a million clips take 60 MB.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecc.errors import LiveccError
from livecc.labels.estimates import BoolArray, FloatArray
from livecc.selecting.decisions import decide
from livecc.selecting.what_if.answer import Question
from livecc.thresholds.kinds import Band, Language, Threshold, is_in
from livecc.thresholds.sets import ON_UNSCORED, parse_rules


@dataclass(frozen=True)
class Numeric:
    """A rule that compares one number: its value of each clip and its bounds as configured.

    `values`: (n,) NaN where there is none, or where the rule fails for another reason (another
    language). `exempt`: (n,) clips that pass without a score, because the selection keeps them.
    `low`, `high`: the configured bounds; None: no bound. `names`: of the bounds in the
    configuration, None for one that the rule does not have.
    """

    rule: str
    values: FloatArray
    exempt: BoolArray
    low: float | None
    high: float | None
    names: tuple[str | None, str | None]
    #: The bounds that are not numbers, in the form of the configuration.
    others: Mapping[str, Any]

    def bounds(self, low: float | None, high: float | None) -> dict[str, Any]:
        """Bounds in the form of the configuration."""
        numbers = zip(self.names, (low, high), strict=True)
        return {**self.others, **{name: n for name, n in numbers if name and n is not None}}

    def passes(self) -> BoolArray:
        """(n,) which clips are within the configured bounds."""
        inside = self.exempt | ~np.isnan(self.values)
        if self.low is not None:
            inside &= self.exempt | (self.values >= self.low)
        if self.high is not None:
            reached = self.values < self.high
            if self.names[1] != "below":
                reached |= self.values == self.high
            inside &= self.exempt | reached
        return inside


@dataclass(frozen=True)
class Population:
    """`n` usable clips of all scored shards, in the order of shards and tables.

    `rules`: the names of what can drop a clip, in order, as in `Decisions`. `dropped_by`: (n,)
    index of the rule that drops each one, -1 for a kept clip. `unscored`: (n,) whether that rule
    has no score. `fixed`: (n,) clips that pass all rules that are not in `numeric`. `places`: of
    the clips that were asked for, clip -> its index. `keys`: (n,) pseudo-random numbers of the
    clips; empty if not asked for. `clips`: the ids, kept only if keys were asked for.
    `unusable`: clips without a speed, which no selection keeps and which are not counted.
    """

    rules: tuple[str, ...]
    dropped_by: Any
    unscored: BoolArray
    numeric: tuple[Numeric, ...]
    fixed: BoolArray
    places: Mapping[str, int]
    keys: Any
    clips: Any
    unusable: int
    missing: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.dropped_by)

    @property
    def kept(self) -> BoolArray:
        kept: BoolArray = self.dropped_by < 0
        return kept


def read_population(
    question: Question, wanted: Collection[str] = (), seed: int | None = None
) -> Population:
    """The clips of a question, decided by its thresholds.

    `wanted`: ids whose places are looked up. `seed`: of the keys, which depend on it and on the
    id alone; None: no keys. Raises LiveccError when a table is broken or no shard is scored.
    """
    import pyarrow
    import pyarrow.compute as pc

    asked = pyarrow.array(list(wanted), pyarrow.string())
    places: dict[str, int] = {}
    parts: list[_Part] = []
    missing: list[str] = []
    unusable = count = 0
    for shard in question.shards:
        if not question.is_scored(shard):
            missing.append(shard)
            continue
        part = _part(question, shard, seed)
        found = pc.index_in(part.clips, value_set=asked)
        for row in np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False)).tolist():
            places[part.clips[row].as_py()] = count + row
        count += len(part.clips)
        unusable += part.unusable
        if seed is None:
            part.clips = None
        parts.append(part)
    if not parts:
        raise LiveccError(
            f"{question.layout.results}/{question.track}: no shard is scored yet; run the workflow "
            "first"
        )
    first = parts[0]
    return Population(
        rules=first.rules,
        dropped_by=np.concatenate([part.dropped_by for part in parts]),
        unscored=np.concatenate([part.unscored for part in parts]),
        numeric=tuple(
            _joined([part.numeric[number] for part in parts])
            for number in range(len(first.numeric))
        ),
        fixed=np.concatenate([part.fixed for part in parts]),
        places=places,
        keys=np.concatenate([part.keys for part in parts]),
        clips=pyarrow.chunked_array([part.clips for part in parts]) if seed is not None else None,
        unusable=unusable,
        missing=tuple(missing),
    )


@dataclass
class _Part:
    """The usable clips of one shard."""

    rules: tuple[str, ...]
    clips: Any
    dropped_by: Any
    unscored: BoolArray
    numeric: list[Numeric]
    fixed: BoolArray
    keys: Any
    unusable: int


def _part(question: Question, shard: str, seed: int | None) -> _Part:
    import pyarrow

    columns = question.columns(shard)
    thresholds = parse_rules(question.thresholds, columns.rules)
    on_unscored = question.thresholds.get(ON_UNSCORED, "drop")
    decided = decide(columns, thresholds, on_unscored)
    usable = columns.ok
    clips = columns.clips["clip"].filter(pyarrow.array(usable)).combine_chunks()
    fixed = np.ones(len(usable), bool)
    numeric: list[Numeric] = []
    for name, threshold in thresholds.items():
        rule = columns.rules[name]
        exempt = np.zeros(len(usable), bool)
        if rule.of_score and on_unscored == "keep" and rule.may_keep_unscored:
            exempt = ~columns.scored[name]
        made = _numeric(name, threshold, columns.values, exempt)
        if made is None:
            fixed &= threshold.mask(columns.values) | exempt
        else:
            numeric.append(_rows(made, usable))
    return _Part(
        rules=decided.rules,
        clips=clips,
        dropped_by=decided.dropped_by[usable],
        unscored=decided.unscored[usable],
        numeric=numeric,
        fixed=fixed[usable],
        keys=np.zeros(0, np.uint64) if seed is None else _keys(clips.to_pylist(), seed),
        unusable=int((~usable).sum()),
    )


def _numeric(
    name: str, threshold: Threshold, values: Mapping[str, Any], exempt: BoolArray
) -> Numeric | None:
    """A rule as one number; None if it is of a kind that is not one."""
    if isinstance(threshold, Band):
        high, high_name = threshold.max, "max"
        if threshold.below is not None and (high is None or threshold.below <= high):
            high, high_name = threshold.below, "below"
        numbers = _numbers(values[threshold.column])
        return Numeric(name, numbers, exempt, threshold.min, high, ("min", high_name), {})
    if isinstance(threshold, Language):
        numbers = _numbers(values[threshold.confidence_column]).copy()
        numbers[~is_in(values[threshold.label_column], threshold.labels)] = np.nan
        names = ("min_confidence", None)
        labels = {"labels": list(threshold.labels)}
        return Numeric(name, numbers, exempt, threshold.min_confidence, None, names, labels)
    return None


def _numbers(column: Any) -> FloatArray:
    """A numeric pyarrow column as float64, null as NaN."""
    import pyarrow

    numbers: FloatArray = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _rows(numeric: Numeric, chosen: BoolArray) -> Numeric:
    return Numeric(
        numeric.rule,
        numeric.values[chosen],
        numeric.exempt[chosen],
        numeric.low,
        numeric.high,
        numeric.names,
        numeric.others,
    )


def _joined(parts: list[Numeric]) -> Numeric:
    first = parts[0]
    return Numeric(
        first.rule,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.exempt for part in parts]),
        first.low,
        first.high,
        first.names,
        first.others,
    )


def _keys(clips: list[str], seed: int) -> Any:
    """(n,) uint64; which clips have the smallest is as good as chance."""
    salt = seed.to_bytes(16, "little", signed=True)
    digests = (
        hashlib.blake2b(clip.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
        for clip in clips
    )
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
