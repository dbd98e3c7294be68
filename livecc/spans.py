"""The greedy walk that cuts a video's words into spans.

Both tracks cut the same way: pre-training walks on the words' ends, SFT on their starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from livecc.errors import LiveccError

# Words compared at once when looking for a span's end: a span of four minutes fits in one window.
_WINDOW = 1024


@dataclass(frozen=True)
class ClipOptions:
    """How to cut; all in seconds. Raises LiveccError when the numbers make no sense."""

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
    times: np.ndarray[Any, np.dtype[np.float64]],
    max_seconds: float,
    max_gap_seconds: float,
    *,
    last_word_belongs: bool,
    may_begin: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
) -> list[tuple[int, int]]:
    """Spans [i, j) of words, in order and disjoint.

    `times`: (n,) one time per word, in seconds; it need not rise. From i = 0, a span ends at the
    first j > i with `times[j] - times[i] > max_seconds` or `times[j] - times[j - 1] >
    max_gap_seconds`, and the next begins at j. When no j stops the walk, the span ends with the
    video: at n if `last_word_belongs`, otherwise at n - 1, as in the original pipeline, where the
    last word of a video belongs to no span. `may_begin`: (n,) where a span may begin; elsewhere
    the walk moves on by one word.

    The comparisons are those of a loop over words, in the same floating point, so the spans are
    the same even where `times` is not monotonic.
    """
    n = len(times)
    spans: list[tuple[int, int]] = []
    if n == 0:
        return spans
    steps = times[1:] - times[:-1]
    after_gap = (np.flatnonzero(steps > max_gap_seconds) + 1).tolist()
    after_gap.append(n)
    first_beyond = _first_beyond_rising if n > 1 and steps.min() >= 0 else _first_beyond
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
        j = first_beyond(times, i, after_gap[next_gap], max_seconds)
        if j == n and not last_word_belongs:
            j = n - 1
        spans.append((i, j))
        i = j


def _first_beyond(
    times: np.ndarray[Any, np.dtype[np.float64]], i: int, stop: int, max_seconds: float
) -> int:
    """The first j in (i, stop) with `times[j] - times[i] > max_seconds`, or `stop`."""
    for low in range(i + 1, stop, _WINDOW):
        beyond = times[low : min(low + _WINDOW, stop)] - times[i] > max_seconds
        first = int(beyond.argmax())
        if beyond[first]:
            return low + first
    return stop


def _first_beyond_rising(
    times: np.ndarray[Any, np.dtype[np.float64]], i: int, stop: int, max_seconds: float
) -> int:
    """`_first_beyond` by bisection, for times that never fall."""
    begin = times[i]
    j = i + 1 + int(times[i + 1 : stop].searchsorted(begin + max_seconds, "right"))
    # The sum is rounded, and so is the difference that counts: they can disagree by a step.
    while j > i + 1 and times[j - 1] - begin > max_seconds:
        j -= 1
    while j < stop and not times[j] - begin > max_seconds:
        j += 1
    return j
