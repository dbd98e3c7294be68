"""Which clips to judge, so that few judgements say most about a selection and its thresholds.

Clips are divided into strata by what the selection decides and by how near they are to the
threshold that decides it: judgements near a threshold tell where it should be, those far from it
how good the rest is. Each stratum gets a simple random sample, whose size grows with the square
root of the stratum's: between equal sizes, which are best for comparing strata, and proportional
ones, which are best for the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from livecc.errors import LiveccError
from livecc.labels.estimates import BoolArray, FloatArray, IntArray
from livecc.labels.files import VERSION, SampledClip, SampleFile
from livecc.labels.population import Numeric, Population

#: A clip is near a threshold if at most this share of all clips with a score lies between.
NEAR = 0.05
#: Before any judgement, clips near a threshold are taken to differ more among each other: standard
#: deviations of good and bad for shares of a half, and of a tenth.
_SPREAD_NEAR, _SPREAD_FAR = 0.5, 0.3
#: Labels that each stratum gets at least, if it has so many clips and there are enough.
_LEAST = 5
KEPT = "kept"


@dataclass(frozen=True)
class Strata:
    """`names` of the strata; `of`: (n,) the index of each clip's stratum.

    A name is what decides about the clips ("kept", or the rule that drops them), and after a colon
    which of them.
    """

    names: tuple[str, ...]
    of: IntArray

    @property
    def sizes(self) -> IntArray:
        """(strata,) clips of each."""
        return np.bincount(self.of, minlength=len(self.names))


def decider(stratum: str) -> str:
    """What decides about the clips of a stratum: "kept", or a rule."""
    return stratum.partition(":")[0]


def strata_of(population: Population) -> Strata:
    """The strata of a population, without empty ones, sorted by name."""
    names: list[str] = []
    of = np.full(len(population), -1, np.int64)

    def add(name: str, members: BoolArray) -> None:
        if members.any():
            of[members] = len(names)
            names.append(name)

    kept = population.kept
    distances = {one.rule: _distance(one) for one in population.numeric}
    if distances:
        table = np.stack(list(distances.values()))
        nearest = table.argmin(axis=0)
        near = kept & (table.min(axis=0) <= NEAR)
        for number, rule in enumerate(distances):
            add(f"{KEPT}: near {rule}", near & (nearest == number))
        add(f"{KEPT}: far", kept & ~near)
    else:
        add(KEPT, kept)
    for number, rule in enumerate(population.rules):
        own = population.dropped_by == number
        add(f"{rule}: not scored", own & population.unscored)
        own &= ~population.unscored
        if rule not in distances:
            add(f"{rule}: dropped", own)
            continue
        values = next(one.values for one in population.numeric if one.rule == rule)
        near = own & (distances[rule] <= NEAR)
        add(f"{rule}: near", near)
        add(f"{rule}: far", own & ~near & ~np.isnan(values))
        add(f"{rule}: other", own & np.isnan(values))
    order = np.argsort(names)
    rank = np.empty(len(names), np.int64)
    rank[order] = np.arange(len(names))
    return Strata(tuple(names[k] for k in order.tolist()), rank[of])


def _distance(numeric: Numeric) -> FloatArray:
    """(n,) share of the scored clips between each clip and the nearest bound; inf without one."""
    values = numeric.values
    ranked = np.sort(values[~np.isnan(values)])
    distance = np.full(len(values), np.inf)
    if not len(ranked):
        return distance
    # The middle of equal values: many clips with the score of a bound are all near it.
    places = (np.searchsorted(ranked, values) + np.searchsorted(ranked, values, "right")) / 2
    for bound, side in ((numeric.low, "left"), (numeric.high, "right")):
        if bound is not None:
            share = np.abs(places - np.searchsorted(ranked, bound, side)) / len(ranked)  # type: ignore[call-overload]
            distance = np.minimum(distance, share)
            distance[values == bound] = 0.0
    distance[np.isnan(values)] = np.inf
    return distance


def allocation(strata: Strata, count: int) -> IntArray:
    """(strata,) how many of `count` clips each stratum gets; never more than it has.

    Raises LiveccError when there are fewer clips to draw than strata.
    """
    sizes = strata.sizes
    count = min(count, int(sizes.sum()))
    if count < len(sizes):
        raise LiveccError(
            f"--count {count}: there are {len(sizes)} groups of clips, each of which needs one; "
            f"give at least {len(sizes)}, better {_LEAST * len(sizes)}"
        )
    spread = [_SPREAD_NEAR if "near" in name else _SPREAD_FAR for name in strata.names]
    wanted = np.array(spread) * np.sqrt(sizes)
    given = np.minimum(sizes, min(_LEAST, count // len(sizes)))
    # One after the other, to the stratum that has least of what it should have.
    while given.sum() < count:
        lack = np.where(given < sizes, wanted / (given + 1), -1.0)
        given[int(lack.argmax())] += 1
    return given


def draw(population: Population, track: str, selection: str, count: int, seed: int) -> SampleFile:
    """A sample of `count` clips; of all, if there are fewer.

    `population` must have been read with the keys of `seed`. The clips of the sample are in random
    order, so that judges do not see strata, and the first half of them is a sample, too.
    """
    if not len(population):
        raise LiveccError(f"{track}: there are no clips to label")
    strata = strata_of(population)
    sizes = strata.sizes
    chosen: list[tuple[int, int]] = []
    for stratum, number in enumerate(allocation(strata, count).tolist()):
        members = np.flatnonzero(strata.of == stratum)
        order = np.argsort(population.keys[members], kind="stable")[:number]
        chosen += [(int(row), stratum) for row in members[order]]
    drawn = np.bincount([stratum for _, stratum in chosen], minlength=len(sizes))
    chances = (drawn / sizes).tolist()
    chosen.sort()
    ids = population.clips.take([row for row, _ in chosen]).to_pylist()
    found = [
        SampledClip(clip, strata.names[stratum], chances[stratum])
        for clip, (_, stratum) in zip(ids, chosen, strict=True)
    ]
    order = np.random.default_rng(seed % 2**64).permutation(len(found))
    return SampleFile(VERSION, track, selection, seed, [found[k] for k in order.tolist()])
