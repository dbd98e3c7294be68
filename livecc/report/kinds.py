"""What a page needs of a rule to decide as the workflow does: one function per kind of threshold.

Each function turns the values of a rule's columns, for all clips of a page, into packed columns and
says by the name of which of `page/kinds.js` they are read. A kind that has none here (of another
package) is `fixed`: the page gets its decisions for the configured bounds, and can switch the rule
off, but not change it. To add a kind, add a function to `_KINDS` and its counterpart to the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from livecc.report.packing import GRID, is_on_grid, pack_codes, pack_mask, pack_numbers
from livecc.thresholds.kinds import Answers, Band, InsideVideo, Labels, Language, Rule, Threshold

#: Labels of a column that a page names; all others are one.
MOST_LABELS = 250
OTHER = "(other)"
#: A clip that ends this long before its video's end, or longer, is shown so.
_MOST_MARGIN = 10.0


@dataclass(frozen=True)
class RuleValues:
    """A rule with the values of its columns for the n clips of a page.

    columns: those of the rule -> values (pyarrow arrays of n). thresholds: by selection, those of
    the selections that have the rule.
    """

    rule: Rule
    columns: Mapping[str, Any]
    thresholds: Mapping[str, Threshold]

    @property
    def bounds(self) -> list[dict[str, Any]]:
        """The configured bounds, in the form of the configuration."""
        return [threshold.to_json() for threshold in self.thresholds.values()]


def packed(values: RuleValues) -> dict[str, Any]:
    """The kind's name in the page, and its columns."""
    make = _KINDS.get(values.rule.kind, _fixed)
    told = make(values)
    if getattr(values.rule, "may_be_unknown", False):
        # A score that is there may lack the value; `on_unknown` decides about such clips.
        told["unknown"] = pack_mask(_unknown(values))
    return told


def _unknown(values: RuleValues) -> Any:
    """n booleans: the clips that lack one of the values."""
    import numpy as np

    missing = [
        ~column.is_valid().to_numpy(zero_copy_only=False) for column in values.columns.values()
    ]
    return np.logical_or.reduce(missing)


def _numbers(column: Any) -> Any:
    import pyarrow

    return column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)


def _configured(values: RuleValues, names: Iterable[str]) -> list[float]:
    names = list(names)
    return [float(bounds[name]) for bounds in values.bounds for name in names if name in bounds]


def _band(values: RuleValues) -> dict[str, Any]:
    (column,) = values.rule.columns
    bounds = _configured(values, ("min", "max", "below"))
    return {"kind": "band", "value": pack_numbers(_numbers(values.columns[column]), bounds)}


def _language(values: RuleValues) -> dict[str, Any]:
    label, confidence = values.rule.columns
    bounds = _configured(values, ("min_confidence",))
    numbers = _numbers(values.columns[confidence])
    return {
        "kind": "language",
        **_labelled(values.columns[label], values.bounds, "labels"),
        "value": pack_numbers(numbers, bounds),
    }


def _one_of(values: RuleValues) -> dict[str, Any]:
    (column,) = values.rule.columns
    key = values.rule.kind.key  # type: ignore[attr-defined]
    return {"kind": "one_of", "key": key, **_labelled(values.columns[column], values.bounds, key)}


def _labelled(column: Any, bounds: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """The labels of a column of strings, the most common first, and the number of each value's."""
    import pyarrow
    import pyarrow.compute as pc

    counts = {one["values"]: one["counts"] for one in column.value_counts().to_pylist()}
    counts.pop(None, None)
    wanted = dict.fromkeys(text for one in bounds for text in one[key])
    common = sorted(counts, key=lambda text: (-counts[text], text))[:MOST_LABELS]
    names = [*common, *(text for text in wanted if text not in common)]
    found = pc.index_in(column, value_set=pyarrow.array(names, pyarrow.string()))
    # 0: no label; 1: one that is not named.
    codes = pc.add(pc.fill_null(found, -1), 2).to_numpy(zero_copy_only=False)
    codes = codes - ((codes == 1) & ~column.is_valid().to_numpy(zero_copy_only=False))
    return {"labels": names, "label": pack_codes(codes)}


def _inside_video(values: RuleValues) -> dict[str, Any]:
    """The least `max_seconds_beyond`, a multiple of the grid, with which each clip passes.

    The page compares it with the bound; what a clip needs is computed from two columns in floats,
    and only the threshold itself knows how it rounds.
    """
    import numpy as np

    bounds = _configured(values, ("max_seconds_beyond",))
    if not all(is_on_grid(bound) for bound in bounds):
        return _fixed(values)
    seconds, end = (_numbers(values.columns[name]) for name in values.rule.columns)
    beyond = end - seconds

    def passes(least: Any) -> Any:
        # A whole column of bounds at once: the check is of numbers alone.
        one = InsideVideo(values.rule.columns[0], values.rule.columns[1], least)
        return one.mask(values.columns)

    # From a step too low upwards, until the threshold itself agrees.
    low = np.floor((beyond - 1.0) * GRID)
    low, high = low, low + 2 * GRID
    for _ in range(15):
        middle = np.floor((low + high) / 2)
        inside = passes(middle / GRID)
        high = np.where(inside, middle, high)
        low = np.where(inside, low, middle)
    least = np.where(np.isnan(beyond), np.nan, high / GRID)
    shown = np.where(least < -_MOST_MARGIN, -_MOST_MARGIN, least)
    return {"kind": "inside_video", "value": pack_numbers(shown)}


def _fixed(values: RuleValues) -> dict[str, Any]:
    return {
        "kind": "fixed",
        "masks": {
            name: pack_mask(threshold.mask(values.columns))
            for name, threshold in values.thresholds.items()
        },
    }


_KINDS: dict[Any, Callable[[RuleValues], dict[str, Any]]] = {
    Band: _band,
    Language: _language,
    Answers: _one_of,
    Labels: _one_of,
    InsideVideo: _inside_video,
}
