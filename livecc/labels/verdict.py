"""What labels say about a selection and each of its rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecc.labels.estimates import (
    BoolArray,
    IntArray,
    Labels,
    Share,
    share_of_good,
    share_of_two,
)
from livecc.labels.files import SampleFile
from livecc.labels.population import Population
from livecc.labels.sampling import KEPT, decider, strata_of


@dataclass(frozen=True)
class Judged:
    """The labels that count, and their clips' places in the population: (n,) `rows`.

    `outside`: labels of clips that are not in the sample; `unknown`: of clips that the results do
    not have; `waiting`: sampled clips without a label. `merged`: strata without a label, and the
    one that stands for each. `uncovered`: clips of strata without a label for which no other could
    stand.
    """

    labels: Labels
    rows: IntArray
    outside: int
    unknown: int
    waiting: int
    merged: Mapping[str, str]
    uncovered: int
    sampled: bool


def judge(population: Population, good: Mapping[str, bool], sample: SampleFile | None) -> Judged:
    """The labels of a sample, each in its stratum.

    `population` must have been read with the labelled clips as wanted. Without a sample, the
    labelled clips are taken for a random choice among the clips of each stratum of the selection.
    """
    if sample is None:
        strata = strata_of(population)
        sizes = dict(zip(strata.names, strata.sizes.tolist(), strict=True))
        stratum_of = {clip: strata.names[strata.of[row]] for clip, row in population.places.items()}
    else:
        sizes = sample.sizes()
        stratum_of = {clip.clip: clip.stratum for clip in sample.clips}
    used = [clip for clip in good if clip in stratum_of and clip in population.places]
    labelled = Counter(stratum_of[clip] for clip in used)
    stand_ins, uncovered = _stand_ins(sizes, labelled)
    names = [name for name in sizes if labelled[name]]
    total = {name: sizes[name] for name in names}
    for name, other in stand_ins.items():
        total[other] += sizes[name]
    return Judged(
        labels=Labels(
            stratum=np.array([names.index(stratum_of[clip]) for clip in used], np.int64),
            good=np.array([good[clip] for clip in used], bool),
            sizes=np.array([total[name] for name in names], np.int64),
        ),
        rows=np.array([population.places[clip] for clip in used], np.int64),
        outside=sum(clip not in stratum_of and clip in population.places for clip in good),
        unknown=sum(clip not in population.places for clip in good),
        waiting=len(stratum_of.keys() - good.keys()) if sample else 0,
        merged=stand_ins,
        uncovered=uncovered,
        sampled=sample is not None,
    )


def _stand_ins(sizes: Mapping[str, int], labelled: Mapping[str, int]) -> tuple[dict[str, str], int]:
    """(stratum without a label -> the one with most labels of the same decision, the clips of
    strata for which there is none)."""
    found: dict[str, str] = {}
    uncovered = 0
    for name in sizes:
        if labelled.get(name):
            continue
        alike = [other for other in sizes if labelled.get(other) and _alike(name, other)]
        if not alike:
            # Another rule's drops say more about them than nothing does.
            alike = [
                other
                for other in sizes
                if labelled.get(other) and KEPT not in (decider(name), decider(other))
            ]
        if alike:
            found[name] = max(alike, key=lambda other: (labelled[other], other))
        else:
            uncovered += sizes[name]
    return found, uncovered


def _alike(name: str, other: str) -> bool:
    return decider(name) == decider(other)


@dataclass(frozen=True)
class RuleVerdict:
    """What labels say about a rule, of the clips that no earlier rule drops.

    `reaches`, `drops`: clips. Of dropping bad clips, `right` is the precision (bad ones among those
    it drops) and `caught` the recall (those it drops among the bad ones). Of keeping good clips,
    `passed_good` is the precision (good ones among those it lets through) and `spared` the recall
    (those it lets through among the good ones).
    """

    name: str
    reaches: int
    drops: int
    right: Share | None
    caught: Share | None
    passed_good: Share | None
    spared: Share | None

    def to_json(self) -> dict[str, Any]:
        return {
            "rule": self.name,
            "reaches": self.reaches,
            "drops": self.drops,
            "dropping": {"precision": to_json(self.right), "recall": to_json(self.caught)},
            "keeping": {"precision": to_json(self.passed_good), "recall": to_json(self.spared)},
        }


@dataclass(frozen=True)
class Verdict:
    """What labels say about a selection: `precision` is the share of good clips among those it
    keeps, `recall` the share of the good clips that it keeps; `good`: the share of good clips
    among all. `clips`: all, `kept`: those that it keeps."""

    clips: int
    kept: int
    good: Share | None
    precision: Share | None
    recall: Share | None
    rules: tuple[RuleVerdict, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "clips": self.clips,
            "kept": self.kept,
            "good": to_json(self.good),
            "precision": to_json(self.precision),
            "recall": to_json(self.recall),
            "rules": [rule.to_json() for rule in self.rules],
        }


def to_json(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else share.to_json()


def verdict_of(population: Population, judged: Judged) -> Verdict:
    """Precision and recall of the selection and of each rule that drops clips."""
    kept = population.kept
    count = int(kept.sum())
    return Verdict(
        clips=len(population),
        kept=count,
        good=share_of_good(judged.labels, np.ones(len(judged.rows), bool)),
        precision=share_of_good(judged.labels, kept[judged.rows]),
        recall=_recall(judged.labels, judged.rows, kept, ~kept),
        rules=tuple(_rule_verdicts(population, judged)),
    )


def _rule_verdicts(population: Population, judged: Judged) -> list[RuleVerdict]:
    labels, rows = judged.labels, judged.rows
    bad = Labels(labels.stratum, ~labels.good, labels.sizes)
    found = []
    for number, name in enumerate(population.rules):
        drops = population.dropped_by == number
        passes = population.kept | (population.dropped_by > number)
        if not drops.any():
            continue
        found.append(
            RuleVerdict(
                name=name,
                reaches=int(drops.sum() + passes.sum()),
                drops=int(drops.sum()),
                right=share_of_good(bad, drops[rows]),
                caught=_recall(bad, rows, drops, passes),
                passed_good=share_of_good(labels, passes[rows]),
                spared=_recall(labels, rows, passes, drops),
            )
        )
    return found


def _recall(labels: Labels, rows: IntArray, inside: BoolArray, rest: BoolArray) -> Share | None:
    """The share of the good clips of two disjoint domains that lies in the first one."""
    return share_of_two(
        share_of_good(labels, inside[rows]),
        int(inside.sum()),
        share_of_good(labels, rest[rows]),
        int(rest.sum()),
    )
