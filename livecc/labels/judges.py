"""The labels of several judges made one: what they agree on, and how well they agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from livecc.errors import LiveccError
from livecc.labels.files import Judgement

#: Each two of them are compared.
MOST_JUDGES = 300


@dataclass(frozen=True)
class Agreement:
    """How two judges agree on the clips that both have judged.

    `share`: of the clips on which they agree. `kappa`: Cohen's, which is 0 for the agreement of
    chance and 1 for a perfect one; None where it is not defined, because both gave one and the
    same label to all.
    """

    judges: tuple[str, str]
    clips: int
    share: float
    kappa: float | None

    def to_json(self) -> dict[str, Any]:
        kappa = None if self.kappa is None else round(self.kappa, 4)
        return {
            "judges": list(self.judges),
            "clips": self.clips,
            "agreement": round(self.share, 4),
            "kappa": kappa,
        }


@dataclass(frozen=True)
class Merged:
    """The labels of all judges.

    `good`: clip -> what most of its judges say. `judges`: judge -> clips that it has judged.
    `conflicts`: clips on which judges differ; `undecided`: those of them without a majority, which
    have no label.
    """

    good: Mapping[str, bool]
    judges: Mapping[str, int]
    conflicts: tuple[str, ...]
    undecided: tuple[str, ...]
    agreements: tuple[Agreement, ...]


def merge(files: Iterable[tuple[str, Iterable[Judgement]]]) -> Merged:
    """Merge files, each with its judge for judgements that name none.

    Of several judgements of one judge on a clip the latest counts, and of those at the same time
    the last one. Raises LiveccError for more judges than can be compared, each with each.
    """
    latest: dict[str, dict[str, Judgement]] = {}
    for judge, judgements in files:
        for judgement in judgements:
            own = latest.setdefault(judgement.by or judge, {})
            before = own.get(judgement.clip)
            if before is None or judgement.time >= before.time:
                own[judgement.clip] = judgement
    if len(latest) > MOST_JUDGES:
        raise LiveccError(
            f"{len(latest):,} judges, and at most {MOST_JUDGES} can be compared; `by` is the name "
            "of a person, not of a judgement"
        )
    votes: dict[str, Counter[bool]] = {}
    for own in latest.values():
        for clip, judgement in own.items():
            votes.setdefault(clip, Counter())[judgement.good] += 1
    conflicts = tuple(clip for clip, counted in votes.items() if len(counted) > 1)
    undecided = tuple(clip for clip in conflicts if votes[clip][True] == votes[clip][False])
    return Merged(
        good={
            clip: counted[True] > counted[False]
            for clip, counted in votes.items()
            if counted[True] != counted[False]
        },
        judges={judge: len(own) for judge, own in latest.items()},
        conflicts=conflicts,
        undecided=undecided,
        agreements=tuple(
            _agreement(one, other, latest[one], latest[other])
            for one, other in combinations(latest, 2)
            if latest[one].keys() & latest[other].keys()
        ),
    )


def _agreement(
    one: str, other: str, ones: Mapping[str, Judgement], others: Mapping[str, Judgement]
) -> Agreement:
    both = [(ones[clip].good, others[clip].good) for clip in ones if clip in others]
    count = len(both)
    share = sum(first == second for first, second in both) / count
    first_good = sum(first for first, _ in both) / count
    second_good = sum(second for _, second in both) / count
    chance = first_good * second_good + (1 - first_good) * (1 - second_good)
    kappa = None if chance >= 1 else (share - chance) / (1 - chance)
    return Agreement((one, other), count, share, kappa)
