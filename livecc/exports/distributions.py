"""How lengths and scores of a selection's clips are distributed, kept and dropped ones.

One pass over the decisions, which counts values to three digits: the memory does not grow with the
clips, and the counts do not depend on the shards.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from livecc.exports.release import Release
from livecc.files.parquet import read_table

#: Bins of a histogram, about.
BINS = 12
#: Part of the values that lies outside of the first and last edges, on each side.
_TAIL = 0.005
#: Values of a text column that are counted.
_MOST_TEXTS = 10_000


@dataclass(frozen=True)
class Bin:
    """Values from `low` (None: from the least) to below `high` (None: to the greatest).

    A bin alone has the least and the greatest value, and a last one that holds but one value (to
    three digits) has it twice: shares end at 1, and nothing lies above.
    """

    low: float | None
    high: float | None
    kept: int
    dropped: int


@dataclass
class Distributions:
    """Of each column the values of kept and of dropped clips, with their numbers.

    Numbers are rounded down to three digits.
    """

    kept: dict[str, Counter[Any]] = field(default_factory=dict)
    dropped: dict[str, Counter[Any]] = field(default_factory=dict)

    def numbers(self) -> list[str]:
        """The columns of numbers that have values."""
        columns = dict.fromkeys([*self.kept, *self.dropped])
        return [
            name
            for name in columns
            if any(
                isinstance(value, float)
                for counts in (self.kept, self.dropped)
                for value in counts.get(name, ())
            )
        ]

    def bins(self, column: str) -> list[Bin]:
        """A histogram of a column of numbers, with round edges."""
        kept, dropped = self.kept.get(column, Counter()), self.dropped.get(column, Counter())
        edges = _edges(kept + dropped)
        if not edges:
            values = sorted(kept + dropped)
            return [Bin(values[0], values[-1], kept.total(), dropped.total())]
        counted = [_counted(one, edges) for one in (kept, dropped)]
        lows, highs = [None, *edges], [*edges, None]
        bins = [
            Bin(low, high, *counts)
            for low, high, *counts in zip(lows, highs, *counted, strict=True)
        ]
        while bins and not bins[0].kept + bins[0].dropped:
            bins.pop(0)
        while bins and not bins[-1].kept + bins[-1].dropped:
            bins.pop()
        if bins[-1].low == max(kept + dropped):
            bins[-1] = replace(bins[-1], high=bins[-1].low)
        return bins


def read_distributions(release: Release) -> Distributions:
    """Of the length of clips (`seconds`) and of all scores that decide, where there is one."""
    found = Distributions()
    columns = {"seconds": "float64", **release.score_columns}
    for shard in release.shards:
        table = read_table(shard.decisions(release.selection), ["kept", *columns])
        is_kept = table["kept"].to_numpy()
        for counts, mask in ((found.kept, is_kept), (found.dropped, ~is_kept)):
            part = table.filter(mask)
            for name, kind in columns.items():
                total = counts.setdefault(name, Counter())
                values = part[name].drop_null()
                if kind == "string":
                    _count_texts(total, values)
                elif kind != "bool":
                    _count_numbers(total, values.to_numpy().astype(np.float64))
    return found


def _count_texts(total: Counter[Any], values: Any) -> None:
    for counted in values.value_counts().to_pylist():
        if counted["values"] in total or len(total) < _MOST_TEXTS:
            total[counted["values"]] += counted["counts"]


def _count_numbers(total: Counter[Any], values: np.ndarray[Any, Any]) -> None:
    finite = values[np.isfinite(values)]
    numbers, counts = np.unique(_three_digits(finite), return_counts=True)
    total.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def _three_digits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(n,) values rounded down to three digits."""
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        digits = np.where(size > 0, np.floor(np.log10(size)) - 2, 0.0)
    unit = 10.0**digits
    # Of 0.3, whose quotient by 0.001 is a little less than 300.
    floored = np.floor(values / unit + 1e-6) * unit
    rounded: np.ndarray[Any, Any] = np.round(floored, 12) + 0.0
    return rounded


def _edges(counts: Mapping[float, int]) -> list[float]:
    """Round edges between which nearly all values lie."""
    low, high = _quantile(counts, _TAIL), _quantile(counts, 1 - _TAIL)
    if low == high:
        return []
    rough = (high - low) / BINS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.floor(high / step + 1e-9) + 1
    return [float(f"{number * step:.6g}") for number in range(first, last + 1)]


def _quantile(counts: Mapping[float, int], part: float) -> float:
    left = part * sum(counts.values())
    value = 0.0
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            break
    return value


def _counted(counts: Mapping[float, int], edges: Sequence[float]) -> list[int]:
    """(edges + 1,) values below the first edge, between edges, and from the last one on."""
    values = np.array(list(counts), np.float64)
    places = np.searchsorted(np.array(edges), values, side="right")
    weights = np.array(list(counts.values()), np.float64)
    return [int(n) for n in np.bincount(places, weights, minlength=len(edges) + 1)]


def bars(bins: Sequence[Bin], width: int = 40) -> Iterator[str]:
    """A histogram as lines of text: range, bar (full: kept, light: dropped), numbers."""
    labels = [_label(one) for one in bins]
    room = max(map(len, labels), default=0)
    most = max((one.kept + one.dropped for one in bins), default=0)
    for label, one in zip(labels, bins, strict=True):
        kept, dropped = _lengths(one, width / most)
        of = f" of {one.kept + one.dropped:,}" if one.dropped else ""
        bar = "█" * kept + "░" * dropped
        yield f"{label:>{room}}  {bar:<{width}}  {one.kept:,}{of}"


def _label(one: Bin) -> str:
    if one.low is None:
        return f"below {one.high:g}"
    if one.low == one.high:
        return f"{one.low:g}"
    return f"{one.low:g} and more" if one.high is None else f"{one.low:g} to {one.high:g}"


def _lengths(one: Bin, scale: float) -> tuple[int, int]:
    """Cells of kept and of dropped clips; what is there has at least one."""
    kept, dropped = (
        max(1, round(count * scale)) if count else 0 for count in (one.kept, one.dropped)
    )
    return kept, dropped
