"""The greedy walk that cuts a video's words into spans.

Both tracks cut the same way. A span lasts from its first word's start to its last word's end; the
original walks on the ends alone in pre-training, and on the starts alone in SFT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from livecc.errors import LiveccError

# Words compared at once when looking for a span's end: a span of four minutes fits in one window.
_WINDOW = 1024

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class ClipOptions:
    """Cutting parameters, in seconds. Raises LiveccError for inconsistent values."""

    min_clip_seconds: float = 30.0
    max_clip_seconds: float = 240.0
    max_gap_seconds: float = 3.0
    mode: Literal["paper", "default"] = "default"

    def __post_init__(self) -> None:
        if self.mode not in ("paper", "default"):
            raise LiveccError(f'mode is "{self.mode}"; it must be "paper" or "default"')
        if not 0 <= self.min_clip_seconds <= self.max_clip_seconds:
            raise LiveccError(
                f"min_clip_seconds is {self.min_clip_seconds} and max_clip_seconds is "
                f"{self.max_clip_seconds}; they must be 0 <= min <= max"
            )
        if not self.max_gap_seconds > 0:
            raise LiveccError(f"max_gap_seconds is {self.max_gap_seconds}; it must be above 0")


def greedy_spans(
    begin: FloatArray,
    end: FloatArray,
    pause: FloatArray,
    max_seconds: float,
    max_gap_seconds: float,
    *,
    last_word_belongs: bool,
    may_begin: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
) -> list[tuple[int, int]]:
    """Spans [i, j) of words, in order and disjoint.

    `begin`, `end`: (n,) when a span that starts, or ends, with each word does so, in seconds; they
    need not rise. `pause`: (n - 1,) seconds between neighbouring words. From i = 0, a span ends at
    the first j > i with `end[j] - begin[i] > max_seconds` or `pause[j - 1] > max_gap_seconds`, and
    the next begins at j. When no j stops the walk, the span ends with the video: at n if
    `last_word_belongs`, otherwise at n - 1, as in the original pipeline, where the last word of a
    video belongs to no span. `may_begin`: (n,) where a span may begin; elsewhere the walk moves on
    by one word.

    The comparisons are those of a loop over words, in the same floating point, so the spans are
    the same even where `end` is not monotonic.
    """
    n = len(end)
    spans: list[tuple[int, int]] = []
    if n == 0:
        return spans
    after_gap = (np.flatnonzero(pause > max_gap_seconds) + 1).tolist()
    after_gap.append(n)
    first_beyond = _first_beyond_rising if (end[1:] >= end[:-1]).all() else _first_beyond
    begins = None
    if may_begin is not None:
        begins = np.flatnonzero(may_begin).tolist()
        begins.append(n)
    last_begin = n - 1 if last_word_belongs else n - 2
    i = next_gap = next_begin = 0
    while True:
        if begins is not None:
            while begins[next_begin] < i:
                next_begin += 1
            i = begins[next_begin]
        if i > last_begin:
            return spans
        while after_gap[next_gap] <= i:
            next_gap += 1
        j = first_beyond(end, begin.item(i), i, after_gap[next_gap], max_seconds)
        if j == n and not last_word_belongs:
            j = n - 1
        spans.append((i, j))
        i = j


def _first_beyond(end: FloatArray, begin: float, i: int, stop: int, max_seconds: float) -> int:
    """The first j in (i, stop) with `end[j] - begin > max_seconds`, or `stop`."""
    for low in range(i + 1, stop, _WINDOW):
        beyond = end[low : min(low + _WINDOW, stop)] - begin > max_seconds
        first = int(beyond.argmax())
        if beyond[first]:
            return low + first
    return stop


def _first_beyond_rising(
    end: FloatArray, begin: float, i: int, stop: int, max_seconds: float
) -> int:
    """`_first_beyond` by bisection, for ends that never fall."""
    j = i + 1 + int(end[i + 1 : stop].searchsorted(begin + max_seconds, "right"))
    # The sum is rounded, and so is the difference that counts: they can disagree by a step.
    while j > i + 1 and end[j - 1] - begin > max_seconds:
        j -= 1
    while j < stop and not end[j] - begin > max_seconds:
        j += 1
    return j
