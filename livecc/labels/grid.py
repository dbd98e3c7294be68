"""Candidates for thresholds, and how many clips and labels each of them keeps.

The values of a rule are divided by edges that no value has, so that it does not matter whether a
bound includes its value, and an edge can be written with few digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecc.labels.estimates import BoolArray, FloatArray, IntArray
from livecc.labels.population import Numeric

#: Edges at even shares of the clips; besides, those of the configuration.
_EDGES = 32
#: Digits that are tried for the edges.
_DIGITS = 12

#: Rule -> (lower, upper) edge as indices.
State = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Knob:
    """The edges of a numeric rule and between which of them each clip lies.

    `edges`: rising; the first and the last are infinite. `written`: what stands for each of them in
    a configuration, None for no bound. `clips`: (m,) the clip lies between edges k - 1 and k; 0:
    it has no value. `labels`: (n,) the same of the labelled clips. `exempt_clips`,
    `exempt_labels`: those that pass whatever the bounds. `free`: whether the lower and the upper
    bound may change; one that is not configured stays away, because each more is one more chance
    to mistake noise for a threshold.
    """

    rule: str
    edges: FloatArray
    written: tuple[float | None, ...]
    clips: IntArray
    labels: IntArray
    exempt_clips: BoolArray
    exempt_labels: BoolArray
    free: tuple[bool, bool]

    @property
    def loosest(self) -> tuple[int, int]:
        return 0, len(self.edges) - 1


def knob_of(numeric: Numeric, clips: IntArray, labels: IntArray) -> Knob:
    """The edges of a rule, from the values of the clips at the rows `clips`."""
    ranked = np.unique(numeric.values[clips][~np.isnan(numeric.values[clips])])
    own = np.sort(numeric.values[clips][~np.isnan(numeric.values[clips])])
    written: dict[float, float | None] = {-math.inf: None, math.inf: None}
    if len(own):
        shares = np.linspace(0, 1, _EDGES + 2)[1:-1]
        for value in own[(shares * (len(own) - 1)).astype(np.int64)].tolist():
            place = int(np.searchsorted(ranked, value, "right"))
            if place < len(ranked):
                edge = _between(float(ranked[place - 1]), float(ranked[place]))
                written[edge] = edge
    if numeric.low is not None:
        written[numeric.low] = numeric.low
    if numeric.high is not None:
        # An upper bound that includes its value is an edge just above it.
        includes = numeric.names[1] != "below"
        edge = math.nextafter(numeric.high, math.inf) if includes else numeric.high
        written[edge] = numeric.high
    edges = np.array(sorted(written))
    return Knob(
        rule=numeric.rule,
        edges=edges,
        written=tuple(written[edge] for edge in edges.tolist()),
        clips=_places(edges, numeric.values[clips]),
        labels=_places(edges, numeric.values[labels]),
        exempt_clips=numeric.exempt[clips],
        exempt_labels=numeric.exempt[labels],
        free=(numeric.low is not None, numeric.high is not None),
    )


def _places(edges: FloatArray, values: FloatArray) -> IntArray:
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, "right")).astype(np.int64)


def _between(low: float, high: float) -> float:
    """The number between two others that has fewest digits."""
    middle = (low + high) / 2
    for digits in range(_DIGITS):
        short = round(middle, digits)
        if low < short < high:
            return short
    return middle


class Grid:
    """How many clips, and which labels, the bounds of several rules keep.

    `free`: the rules whose bounds may change. `clip_base`: (m,) clips that all other rules pass;
    `label_base`: (n,) labels likewise.
    """

    def __init__(self, free: Sequence[Knob], clip_base: BoolArray, label_base: BoolArray) -> None:
        self.free = tuple(free)
        self._clip_base = clip_base
        self._label_base = label_base

    def clips(self, state: State, without: str | None = None) -> BoolArray:
        """(m,) the clips that pass all rules but one."""
        kept = self._clip_base.copy()
        for knob in self.free:
            if knob.rule != without:
                kept &= _inside(knob.clips, state[knob.rule]) | knob.exempt_clips
        return kept

    def labels(self, state: State, without: str | None = None) -> BoolArray:
        """(n,) the labels likewise."""
        kept = self._label_base.copy()
        for knob in self.free:
            if knob.rule != without:
                kept &= _inside(knob.labels, state[knob.rule]) | knob.exempt_labels
        return kept

    def share_kept(self, state: State) -> float:
        """The share of the clips that the bounds keep."""
        return float(self.clips(state).mean())

    def tables(
        self, knob: Knob, state: State, weights: FloatArray, good: BoolArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """For each pair (lower, upper) of edges of a rule, with all others as in `state`.

        Three (edges, edges): the share of clips kept, the weights of the labels kept, and those of
        the good ones.
        """
        edges = len(knob.edges)
        clips = self.clips(state, knob.rule)
        labels = self.labels(state, knob.rule)
        kept = _pairs(knob.clips, knob.exempt_clips, clips, np.ones(len(clips)), edges)
        every = _pairs(knob.labels, knob.exempt_labels, labels, weights, edges)
        fine = _pairs(knob.labels, knob.exempt_labels, labels & good, weights, edges)
        return kept / max(len(clips), 1), every, fine


def _inside(places: IntArray, pair: tuple[int, int]) -> BoolArray:
    inside: BoolArray = (places > pair[0]) & (places <= pair[1])
    return inside


def _pairs(
    places: IntArray, exempt: BoolArray, chosen: BoolArray, weights: Any, edges: int
) -> FloatArray:
    """(edges, edges): the sum of the weights between two edges, those of exempt ones added."""
    own = chosen & ~exempt & (places > 0)
    sums = np.bincount(places[own], weights[own], minlength=edges)[:edges]
    total = np.cumsum(sums)
    pairs: FloatArray = total[None, :] - total[:, None] + weights[chosen & exempt].sum()
    return pairs
