"""What is wrong with a whole caption track, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

#: People say two to three words a second, auctioneers five.
MOST_WORDS_PER_SECOND = 6.0
#: Nobody pauses this many seconds after every word.
MOST_SECONDS_PER_WORD = 60.0
#: A track whose repeating lines are at least this part of it rolls.
REPEATING_PART = 0.4
#: Captions may stand a little longer than the video.
BEYOND_SECONDS = 1.0
# Speed is taken over so many words, because times are rounded; shorter tracks say too little.
_STRETCH = 10
_LEAST_WORDS = 30

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def doubts(
    start: FloatArray,
    end: FloatArray,
    *,
    unspaced: bool,
    lines: int,
    repeating: int,
    duration: float | None = None,
) -> Iterator[str]:
    """Each cause for which a track as a whole cannot be right, with its cure.

    `start`, `end`: (n_words,) seconds, in order. `unspaced`: whether the units are those of a
    script without spaces, whose speed is another. `lines`: captions of the track, of which
    `repeating` said what was shown just before. `duration`: of the video in seconds, if known.
    """
    if repeating >= max(REPEATING_PART * lines, 3):
        yield (
            f"rolling captions: {repeating} of {lines} captions repeat what was shown just before, "
            "as YouTube's automatic WebVTT does; mode: default takes the repeats out, in mode: "
            "paper most words come two or three times. Download json3 instead"
        )
    if len(start) < _LEAST_WORDS:
        return
    stretch = float(np.median(start[_STRETCH:] - start[:-_STRETCH]))
    if stretch > MOST_SECONDS_PER_WORD * _STRETCH:
        yield (
            f"its words are {stretch / _STRETCH:.0f} s apart: the times are likely milliseconds, "
            "and must be seconds. Divide them by 1,000"
        )
    elif stretch * MOST_WORDS_PER_SECOND < _STRETCH and not unspaced:
        speed = f"{_STRETCH / stretch:.1f}" if stretch > 0 else "more than 100"
        yield (
            f"a median of {speed} words a second, faster than people speak (above "
            f"{MOST_WORDS_PER_SECOND:g}): the times are in another unit than seconds, or lines are "
            "given more than once. Look at how the captions were read"
        )
    if duration is not None and end[-1] > duration + BEYOND_SECONDS:
        yield (
            f"its last caption ends at {end[-1]:.1f} s, the video after {duration:.1f} s: the "
            "captions belong to another video, or their times are in another unit than seconds"
        )
