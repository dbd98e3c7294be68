"""Rolling captions: each line shown again above, or before, the next one.

YouTube's automatic WebVTT repeats a line while the next one is spoken, with cues of 10 ms between.
Read naively, each line comes two or three times:

    0.00 - 2.50  so this is
    2.50 - 2.51  so this is
    2.51 - 5.00  so this is / a rolling caption
    5.00 - 5.01  a rolling caption

Captions typed live grow word by word in the same way. A line whose text begins with what was shown
just before says only the rest; when nothing is left, it only repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import contains
from typing import Any

import numpy as np

from livecc.formats.unspaced import joint

#: A track rolls if this part of its lines repeats what was shown just before, and at least so many.
LEAST_PART = 0.4
LEAST_LINES = 3
#: What is shown again follows within this many seconds.
_MOST_PAUSE = 0.15
#: Characters that are compared first: nearly all lines differ in them.
_FIRST_LOOK = 4
#: A track that rolls shows parts again in far more than this part of its repeating lines.
_LEAST_PARTS = 0.1
#: How many parts of a growing text are kept apart.
_MOST_PARTS = 32

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


def rolling_tracks(texts: Sequence[str], track: IntArray, tracks: int) -> IntArray:
    """The tracks that may roll, by a look at the first characters of each line.

    `track`: (n,) the track of each line, rising; `tracks`: how many there are.
    """
    if len(texts) < LEAST_LINES:
        return np.zeros(0, np.int64)
    heads = map(str.__getitem__, texts, repeat(slice(_FIRST_LOOK)))
    next(heads)
    seen = np.fromiter(map(contains, texts, heads), np.bool_, len(texts) - 1)
    seen &= track[1:] == track[:-1]
    again = np.bincount(track[1:][seen], minlength=tracks)
    lines = np.bincount(track, minlength=tracks)
    return np.flatnonzero((again >= LEAST_LINES) & (again >= LEAST_PART * (lines - 1)))


def undo(texts: Sequence[str], start: FloatArray, end: FloatArray) -> list[str] | None:
    """What each line says anew, "" for a line that only repeats; None if the track does not roll.

    `texts`: of one track, in order of time; `start`, `end`: (n,) seconds.
    """
    said, again, parts = _anew(texts, start, end, parts_too=True)
    if parts < _LEAST_PARTS * again:
        # The text grows, and where a line begins with the last word before it, that is said again.
        said, again, _ = _anew(texts, start, end, parts_too=False)
    if again < LEAST_LINES or again < LEAST_PART * (len(said) - 1):
        return None
    return said


def _anew(
    texts: Sequence[str], start: FloatArray, end: FloatArray, *, parts_too: bool
) -> tuple[list[str], int, int]:
    """What each line says anew; how many lines show something again, and how many only a part.

    With `parts_too`, a line may begin with the last part of what was shown, not only with all.
    """
    said: list[str] = []
    shown: list[str] = []
    shown_until = -np.inf
    again = parts = 0
    for text, begins, ends in zip(texts, start.tolist(), end.tolist(), strict=True):
        words = " ".join(text.split())
        first, size = None, 0
        if begins - shown_until <= _MOST_PAUSE:
            first, size = _shown_again(shown, words, len(shown) if parts_too else 1)
        new = words[size:].lstrip()
        if first is None:
            shown = [new]
        else:
            again += 1
            parts += first > 0
            shown = shown[first:]
            if new:
                shown.append(new)
                if len(shown) > _MOST_PARTS:
                    shown[:2] = [shown[0] + joint(shown[0], shown[1]) + shown[1]]
        said.append(new)
        shown_until = ends
    return said, again, parts


def _shown_again(shown: Sequence[str], words: str, most: int) -> tuple[int | None, int]:
    """The first of the parts that `words` begins with, down to the last part, and their length.

    (None, 0) if it begins with none. The more parts, the better; tries the first `most` beginnings.
    """
    for first in range(min(most, len(shown))):
        before = " ".join(shown[first:])
        if not words.startswith(before):
            before = "".join(shown[first:])
            if not words.startswith(before):
                continue
        rest = words[len(before) :]
        if not rest or rest[0] == " " or not joint(before, rest):
            return first, len(before)
    return None, 0
