"""How the LiveCC trainer's reader turns a sample into frames and the words said with them.

Written from what `data/lmm_dataset.py` of showlab/livecc and the package livecc-utils do, their
oddities included, because a released sample is right when that reader delivers every word of it
once. Two frames a second are taken from the first frame of the clip on, and never more than 480;
the first six make a chunk, then every two. A chunk says the words that have ended at its last
frame. The reader waits at the first word that has not ended, so all words behind it wait, too; and
having said the last word it stays at it, so a chunk after that says it again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livecc.trainer.chunking import CHUNK_FRAMES, FIRST_FRAMES, FPS, MAX_FRAMES

#: The reader's tolerance for the last frame, in seconds.
_TOLERANCE = 1e-6

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class UnreadableSampleError(ValueError):
    """The reader raises an error at a sample; the trainer then takes another one, by chance."""


@dataclass(frozen=True)
class Delivery:
    """What the reader says of the `n` words of a sample.

    `said`: (n,) how often each word is said. `chunk`: (n,) the chunk that says it first, -1 for a
    lost word. `waits`: (n,) whether it is said in a later chunk than its own end asks for.
    `chunk_times`: time of each chunk's last frame, in seconds on the trainer's clock.
    """

    said: IntArray
    chunk: IntArray
    waits: np.ndarray[Any, np.dtype[np.bool_]]
    chunk_times: FloatArray

    @property
    def complete(self) -> bool:
        """Whether every word is said, and said once."""
        return bool((self.said == 1).all())


@dataclass(frozen=True)
class Sampling:
    """What the reader takes of a clip.

    `frames`: (n,) indices of the frames, n even. `wanted`: frames that the clip has at 2 a second,
    of which it takes at most 480.
    """

    frames: IntArray
    wanted: int


def sampling(
    pts: FloatArray, video_start: float | None, video_end: float | None, *, old_numpy: bool = False
) -> Sampling:
    """The frames that the reader takes.

    `pts`: (frames,) times in seconds, rising, as the reader has them of decord: float32, and of
    each frame the end of its display. A start or end of None or 0 is that of the video.
    `old_numpy`: what the reader gets with NumPy before version 2 (see `_moments`).

    Raises UnreadableSampleError when no frame lies between the two times.
    """
    # As the reader does: a start of 0 means the first frame, whatever its time.
    begin = video_start or pts[0]
    end = video_end or pts[-1]
    inside = np.flatnonzero((begin <= pts) & (pts <= end))
    if not len(inside):
        raise UnreadableSampleError(
            f"no frame between {float(begin):.2f} s and {float(end):.2f} s; the video's frames are "
            f"from {float(pts[0]):.2f} s to {float(pts[-1]):.2f} s"
        )
    times = pts[inside]
    expected = _moments(float(times[0]), float(times[-1]), np.float64 if old_numpy else np.float32)
    wanted = len(expected)
    expected = expected[:MAX_FRAMES]
    places = np.searchsorted(times, expected)
    # A last moment that rounding puts behind the last frame gets the first one.
    places[places == len(times)] = 0
    if len(places) % CHUNK_FRAMES:
        places = np.append(places, places[-1])
    return Sampling(inside[places], wanted)


def _moments(first: float, last: float, precision: type[np.floating[Any]]) -> FloatArray:
    """The moments from `first` on, half a second apart, up to about `last`, in seconds.

    The reader calls np.arange(first, last + 1e-6, 0.5) with float32 numbers. `arange` computes the
    number of moments and the second moment in the precision of these sums: float64 before version
    2 of NumPy, float32 since. So when the last frame lies just a multiple of half a second behind
    the first, one may have a moment more than the other.
    """
    begin, stop = precision(first), precision(last) + precision(_TOLERANCE)
    count = max(math.ceil((stop - begin) / precision(1 / FPS)), 0)
    step = float(begin + precision(1 / FPS)) - first
    moments: FloatArray = first + np.arange(count) * step
    return moments


def sampled_frames(pts: FloatArray, video_start: float, video_end: float) -> IntArray:
    """The frames of `sampling`."""
    return sampling(pts, video_start, video_end).frames


def chunk_times(times: FloatArray) -> FloatArray:
    """Time of the last frame of each chunk, from the times of the sampled frames.

    Raises UnreadableSampleError when there are fewer frames than the first chunk needs.
    """
    if len(times) < FIRST_FRAMES:
        raise UnreadableSampleError(
            f"it has {len(times)} frames at {FPS:g} a second, and the first chunk needs "
            f"{FIRST_FRAMES}"
        )
    return times[FIRST_FRAMES - 1 :: CHUNK_FRAMES]


def deliver(ends: Sequence[float], times: FloatArray) -> Delivery:
    """What is said of words that end at `ends`, with chunks whose last frames are at `times`.

    `ends`: (n,) seconds. Raises UnreadableSampleError when no word is said at all.
    """
    ended = np.asarray(ends, np.float64)
    if not len(ended):
        raise UnreadableSampleError("it has no words")
    moments = np.asarray(times, np.float64)
    # Where rounding gives the last moment the first frame (see `sampling`), time goes back.
    latest = np.maximum.accumulate(moments)
    # A word waits for all before it.
    chunk = np.searchsorted(latest, np.maximum.accumulate(ended))
    own = np.searchsorted(latest, ended)
    lost = chunk == len(moments)
    if lost[0]:
        raise UnreadableSampleError(
            f"no word ends before its last frame at {float(latest[-1]):.2f} s"
        )
    said = np.where(lost, 0, 1)
    if not lost[-1]:
        # Every later chunk says the last word again.
        said[-1] += np.count_nonzero(moments[chunk[-1] + 1 :] >= ended[-1])
    return Delivery(
        said=said,
        chunk=np.where(lost, -1, chunk),
        waits=~lost & (chunk > own),
        chunk_times=moments,
    )


def constant_rate(fps: float, seconds: float, begin: float = 0.0) -> FloatArray:
    """(frames,) times of a video with a constant rate, from about `begin` to about `seconds`.

    Those of the reader: of each frame the end of its display, as float32.
    """
    first = max(int(begin * fps) - 2, 0)
    return (np.arange(first + 1, int(seconds * fps) + 2) / fps).astype(np.float32)
