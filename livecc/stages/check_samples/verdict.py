"""Whether a sample reaches the trainer complete: every word is said, and said once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from livecc.stages.check_samples.samples import BrokenSample, Sample
from livecc.trainer.chunking import MAX_FRAMES
from livecc.trainer.reader import (
    Delivery,
    FloatArray,
    UnreadableSampleError,
    chunk_times,
    deliver,
    sampling,
)

#: Incomplete samples, and files that cannot be opened, that a report names.
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the trainer gets of a sample.

    `lost`, `twice` and `late`: numbers of the words that are not said, that are said more than
    once, and that are said later than their end asks for, because they wait behind another word.
    `too_long`: the clip has more than 480 frames at 2 a second, and the trainer drops the rest.
    `reason`: why the trainer cannot use the sample, and takes another one instead.
    """

    sample: Sample | BrokenSample
    lost: tuple[int, ...] = ()
    twice: tuple[int, ...] = ()
    late: tuple[int, ...] = ()
    too_long: bool = False
    reason: str | None = None

    @property
    def complete(self) -> bool:
        return not (self.lost or self.twice or self.reason)

    def to_json(self) -> dict[str, Any]:
        """The sample, and its words that are not said once, as [number, word]."""
        told: dict[str, Any] = {"sample": self.sample.number}
        if isinstance(self.sample, Sample):
            words = self.sample.words
            told |= {
                "video": encodable(self.sample.video),
                "video_start": self.sample.start,
                "video_end": self.sample.end,
                **{
                    name: [[n, encodable(words[n])] for n in getattr(self, name)]
                    for name in ("lost", "twice", "late")
                },
                "too_long": self.too_long,
            }
        return told | {"reason": self.reason}


def encodable(text: str) -> str:
    """A text with halves of surrogate pairs replaced."""
    return text.encode("utf-8", "replace").decode()


def judge(sample: Sample, times: FloatArray) -> Verdict:
    """What the trainer gets of a sample whose video has frames at `times` (see `sampling`).

    Of the two kinds of NumPy that a trainer may have, the one that gets less is told.
    """
    return max(
        (_judge(sample, times, old_numpy) for old_numpy in (False, True)),
        key=lambda one: (one.reason is not None, len(one.lost), len(one.twice)),
    )


def _judge(sample: Sample, times: FloatArray, old_numpy: bool) -> Verdict:
    try:
        taken = sampling(times, sample.start, sample.end, old_numpy=old_numpy)
        delivery = deliver(sample.ends, chunk_times(times[taken.frames]))
        # A word of nothing but blanks is no loss.
        there = np.array([bool(word.strip()) for word in sample.words])
        if not (there & (delivery.said > 0)).any():
            raise UnreadableSampleError("no word is said")
    except UnreadableSampleError as error:
        return Verdict(sample, reason=str(error))
    return _of_delivery(sample, delivery, there, taken.wanted > MAX_FRAMES)


def _of_delivery(sample: Sample, delivery: Delivery, there: Any, too_long: bool) -> Verdict:
    def numbers(chosen: Any) -> tuple[int, ...]:
        return tuple(np.flatnonzero(there & chosen).tolist())

    return Verdict(
        sample,
        lost=numbers(delivery.said == 0),
        twice=numbers(delivery.said > 1),
        late=numbers(delivery.waits),
        too_long=too_long,
    )


@dataclass
class Counts:
    """Verdicts in numbers.

    `label`: where the times of the frames are from ("the videos", "30 fps").
    """

    label: str
    checked: int = 0
    complete: int = 0
    unusable: int = 0
    too_long: int = 0
    words: int = 0
    lost: int = 0
    twice: int = 0
    late: int = 0
    #: The first incomplete samples, at most SHOWN.
    incomplete: list[dict[str, Any]] = field(default_factory=list)

    def add(self, verdicts: Iterable[Verdict]) -> None:
        for one in verdicts:
            self.checked += 1
            self.complete += one.complete
            self.unusable += one.reason is not None
            self.too_long += one.too_long
            if isinstance(one.sample, Sample):
                self.words += len(one.sample.words)
            self.lost += len(one.lost)
            self.twice += len(one.twice)
            self.late += len(one.late)
            if not one.complete and len(self.incomplete) < SHOWN:
                self.incomplete.append(one.to_json())
