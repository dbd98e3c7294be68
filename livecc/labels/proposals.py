"""Better thresholds, found with labels: the best precision at a yield, the most yield at a
precision.

The yield is the share of all clips that is kept. From no bounds at all, the yield is lowered step
by step, and at each step the rule whose bounds cost fewest good clips gives way (greedy, on a grid
of quantiles). So one search tells the thresholds for every yield.

Thresholds chosen with some labels look better on these labels than they are. So what is promised
is measured on labels that the search has not seen: it is repeated for each of a few folds without
the labels of that fold. How far the thresholds themselves can be trusted is shown by repeating it
on resampled labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecc.labels.estimates import FloatArray, IntArray, Share, share_of_good
from livecc.labels.grid import Grid, Knob, State, knob_of
from livecc.labels.population import Numeric, Population
from livecc.labels.verdict import Judged, to_json

FOLDS = 5
#: Resampled sets of labels, and the share of their thresholds that is shown.
RESAMPLED = 40
MIDDLE = 0.8
#: Clips that the search looks at, by chance; a share of them is right to half a per cent.
_CLIPS = 10_000
#: Yields that are looked at: as many between no bounds and the least.
_STEPS = 16
_LEAST_YIELD = 0.01
#: Labels that the share of all good clips is worth where few labels are kept, in the search.
_BORROWED = 2.0
#: Fewer labels than these cannot be divided into folds.
LEAST_LABELS = 20


@dataclass(frozen=True)
class Bound:
    """A rule's bounds as proposed, in the form of the configuration.

    `spread`: bound -> (low, high), between which the middle 80 % of the thresholds lie that were
    found with resampled labels; None for no bound.
    """

    rule: str
    bounds: dict[str, Any]
    spread: dict[str, tuple[float | None, float | None]]

    def to_json(self) -> dict[str, Any]:
        spread = {name: list(pair) for name, pair in self.spread.items()}
        return {"bounds": self.bounds, "spread": spread}


@dataclass(frozen=True)
class Proposal:
    """Thresholds for a goal: `goal` is "yield" or "precision", and `wanted` how much of it.

    `rules`: those that may change. `share_kept`: the share of clips that they keep, about. `seen`:
    their precision on the labels with which they were chosen, too good to be true; `held_out`: on
    labels that the search has not seen. `reached`: whether the goal is.
    """

    goal: str
    wanted: float
    rules: tuple[str, ...]
    bounds: tuple[Bound, ...]
    share_kept: float
    seen: Share | None
    held_out: Share | None
    reached: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "goal": self.goal,
            "wanted": round(self.wanted, 6),
            "reached": self.reached,
            "rules": {bound.rule: bound.to_json() for bound in self.bounds},
            "yield": round(self.share_kept, 6),
            "precision_on_labels_seen": to_json(self.seen),
            "precision_held_out": to_json(self.held_out),
        }


class Proposer:
    """Searches for thresholds of one population with one set of labels.

    `yields`: those that `for_yield` is asked for, besides the usual steps; the search is done once
    for all of them. Raises ValueError when there are fewer labels than LEAST_LABELS.
    """

    def __init__(
        self, population: Population, judged: Judged, yields: Sequence[float] = (), seed: int = 0
    ) -> None:
        if len(judged.rows) < LEAST_LABELS:
            raise ValueError("too few labels")
        self._rng = np.random.default_rng(seed)
        self._labels = judged.labels
        rows = np.arange(len(population))
        if len(rows) > _CLIPS:
            rows = np.sort(self._rng.choice(rows, _CLIPS, replace=False))
        numeric = {one.rule: one for one in population.numeric}
        self._numeric = numeric
        self._knobs = {rule: knob_of(one, rows, judged.rows) for rule, one in numeric.items()}
        self._clips_fixed = population.fixed[rows]
        self._labels_fixed = population.fixed[judged.rows]
        self._passes_clips = {rule: one.passes()[rows] for rule, one in numeric.items()}
        self._passes_labels = {rule: one.passes()[judged.rows] for rule, one in numeric.items()}
        self._yields = tuple(yields)
        self._folds = self._divided()
        self._resamples = [self._resampled() for _ in range(RESAMPLED)]
        self._found: dict[tuple[str, ...], _Curve] = {}

    @property
    def rules(self) -> tuple[str, ...]:
        """The numeric rules of the selection."""
        return tuple(self._knobs)

    def for_yield(self, wanted: float, rules: Sequence[str] | None = None) -> Proposal:
        """The best precision with at least this share of clips, changing only `rules`."""
        curve = self._curve(tuple(rules or self.rules))
        enough = [k for k, least in enumerate(curve.yields) if least >= wanted]
        place = max(enough, default=0)
        reached = curve.kept[place] >= wanted - 1 / len(self._clips_fixed)
        return self._proposal("yield", wanted, curve, place, reached)

    def for_precision(self, wanted: float, rules: Sequence[str] | None = None) -> Proposal:
        """The most clips of which, on labels that the search has not seen, this share is good."""
        curve = self._curve(tuple(rules or self.rules))
        shares = [-1.0 if share is None else share.value for share in curve.held_out]
        able = [k for k, share in enumerate(shares) if share >= wanted]
        place = max(able or range(len(shares)), key=lambda k: shares[k] if not able else -k)
        return self._proposal("precision", wanted, curve, place, bool(able))

    # --- the search ---

    def _curve(self, rules: tuple[str, ...]) -> _Curve:
        known = self._found.get(rules)
        if known is not None:
            return known
        grid = self._grid(rules)
        most = grid.share_kept({knob.rule: knob.loosest for knob in grid.free})
        steps = np.geomspace(max(most, _LEAST_YIELD), _LEAST_YIELD, _STEPS).tolist()
        asked = [wanted for wanted in self._yields if wanted <= most]
        yields = sorted({*steps, *asked}, reverse=True)
        every = np.ones(len(self._labels.good), bool)
        weights = self._labels.weights
        states = self._path(grid, yields, weights)
        unseen = np.zeros((len(yields), len(every)), bool)
        for fold in range(FOLDS):
            out = self._folds == fold
            others = self._labels.some(~out)
            partly = np.zeros(len(every))
            partly[~out] = others.weights
            for k, state in enumerate(self._path(grid, yields, partly)):
                unseen[k] |= grid.labels(state) & out
        resampled = [self._path(grid, yields, weights) for weights in self._resamples]
        curve = _Curve(
            grid=grid,
            yields=yields,
            states=states,
            kept=[grid.share_kept(state) for state in states],
            held_out=[share_of_good(self._labels, row) for row in unseen],
            resampled=resampled,
        )
        self._found[rules] = curve
        return curve

    def _grid(self, rules: tuple[str, ...]) -> Grid:
        clips, labels = self._clips_fixed.copy(), self._labels_fixed.copy()
        for rule in self._knobs:
            if rule not in rules:
                clips &= self._passes_clips[rule]
                labels &= self._passes_labels[rule]
        return Grid([self._knobs[rule] for rule in rules], clips, labels)

    def _path(self, grid: Grid, yields: Sequence[float], weights: FloatArray) -> list[State]:
        """The bounds for each of the yields, which fall; weights of 0 are labels not seen."""
        good = self._labels.good
        state: dict[str, tuple[int, int]] = {knob.rule: knob.loosest for knob in grid.free}
        total = max(float(weights.sum()), 1e-300)
        prior = float(weights[good].sum()) / total
        borrowed = _BORROWED * total / max(int((weights > 0).sum()), 1)
        found: list[State] = []
        best = -1.0
        for least in yields:
            for _ in range(4 * len(grid.free)):
                step: tuple[tuple[float, float], str, tuple[int, int]] | None = None
                for knob in grid.free:
                    kept, every, fine = grid.tables(knob, state, weights, good)
                    # Pairs in the wrong order have sums below 0; `_best` takes none of them.
                    precision = (fine + borrowed * prior) / (np.maximum(every, 0) + borrowed)
                    pair, rank = _best(knob, precision, kept, least)
                    if pair is not None and (step is None or rank > step[0]):
                        step = (rank, knob.rule, pair)
                if step is None or step[0][0] <= best + 1e-12:
                    break
                best, state = step[0][0], {**state, step[1]: step[2]}
            found.append(state)
        return found

    def _divided(self) -> IntArray:
        """(n,) the fold of each label; every stratum is divided evenly."""
        fold = np.empty(len(self._labels.good), np.int64)
        order = self._rng.permutation(len(fold))
        order = order[np.argsort(self._labels.stratum[order], kind="stable")]
        fold[order] = np.arange(len(fold)) % FOLDS
        return fold

    def _resampled(self) -> FloatArray:
        """(n,) weights of the labels drawn again, with replacement, in each stratum."""
        times = np.zeros(len(self._labels.good))
        for stratum in range(len(self._labels.sizes)):
            own = np.flatnonzero(self._labels.stratum == stratum)
            if len(own):
                drawn = self._rng.integers(len(own), size=len(own))
                times[own] = np.bincount(drawn, minlength=len(own))
        return times * self._labels.weights

    # --- the answer ---

    def _proposal(
        self, goal: str, wanted: float, curve: _Curve, place: int, reached: bool
    ) -> Proposal:
        state = curve.states[place]
        bounds = []
        for knob in curve.grid.free:
            numeric = self._numeric[knob.rule]
            low, high = (knob.written[edge] for edge in state[knob.rule])
            bounds.append(
                Bound(
                    knob.rule,
                    numeric.bounds(low, high),
                    _spread(numeric, knob, [path[place][knob.rule] for path in curve.resampled]),
                )
            )
        return Proposal(
            goal=goal,
            wanted=wanted,
            rules=tuple(knob.rule for knob in curve.grid.free),
            bounds=tuple(bounds),
            share_kept=curve.kept[place],
            seen=share_of_good(self._labels, curve.grid.labels(state)),
            held_out=curve.held_out[place],
            reached=reached,
        )


@dataclass(frozen=True)
class _Curve:
    """What was found for each of some falling yields; `resampled`: for each set of labels."""

    grid: Grid
    yields: list[float]
    states: list[State]
    kept: list[float]
    held_out: list[Share | None]
    resampled: list[list[State]]


def _best(
    knob: Knob, precision: FloatArray, kept: FloatArray, least: float
) -> tuple[tuple[int, int] | None, tuple[float, float]]:
    """The pair of edges with the best precision among those that keep enough; of equal ones that
    which keeps most."""
    edges = len(knob.edges)
    able = np.triu(np.ones((edges, edges), bool), 1) & (kept >= least - 1e-12)
    low, high = knob.free
    able[0 if low else 1 :] &= low
    able[:, : edges - 1] &= high
    if not able.any():
        return None, (-1.0, -1.0)
    top = float(precision[able].max())
    equal = able & (precision >= top - 1e-12)
    place = int(np.where(equal, kept, -1.0).argmax())
    pair = (place // edges, place % edges)
    return pair, (top, float(kept[pair]))


def _spread(
    numeric: Numeric, knob: Knob, pairs: Sequence[tuple[int, int]]
) -> dict[str, tuple[float | None, float | None]]:
    """Between which values the middle of the thresholds lies, for each bound of a rule."""
    found: dict[str, tuple[float | None, float | None]] = {}
    tail = (1 - MIDDLE) / 2
    for side, name in enumerate(numeric.names):
        if name is None or not knob.free[side]:
            continue
        edges = sorted(pair[side] for pair in pairs)
        ends = (math.floor(tail * (len(edges) - 1)), math.ceil((1 - tail) * (len(edges) - 1)))
        low, high = (knob.written[edges[end]] for end in ends)
        found[name] = (low, high)
    return found
