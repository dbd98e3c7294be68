"""Caption lines in order of time, each ending where the next begins.

Automatic captions show a line until the next but one begins, so a line's end says how long its box
stands, not how long its words are spoken. Captions of two speakers may begin together; then they
share the time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

#: Overlapping lines that begin within this many seconds share their time: words have times in
#: tenths of a second, so one line would get none of it.
TOGETHER_SECONDS = 0.1

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


def order_of(start: FloatArray, track: IntArray) -> tuple[IntArray | None, IntArray]:
    """The order of the lines by track and start, or None if they are in order.

    `start`: (n,) seconds; `track`: (n,) rising. Lines with equal starts keep their order. Also
    returns the indices of the lines that start before the one in front of them.
    """
    back = np.flatnonzero((start[1:] < start[:-1]) & (track[1:] == track[:-1])) + 1
    if not len(back):
        return None, back
    return np.lexsort((np.arange(len(start)), start, track)), back


class Cut(NamedTuple):
    """New times, and the indices of the lines whose times overlapped the next line's."""

    start: FloatArray
    end: FloatArray
    overlaps: IntArray


def cut_overlaps(start: FloatArray, end: FloatArray, track: IntArray, sizes: IntArray) -> Cut:
    """Let each line end where the next one of its track begins, if it does not end before.

    `start`, `end`: (n,) seconds, with rising starts within a track and start < end. Lines that
    begin together share the time up to the last of their ends by their `sizes`, (n,) characters.
    Starts never fall, and no line ends behind the start of the next.
    """
    over = (end[:-1] > start[1:]) & (track[1:] == track[:-1])
    overlaps = np.flatnonzero(over)
    if not len(overlaps):
        return Cut(start, end, overlaps)
    start, shown = start.copy(), end
    end = end.copy()
    end[overlaps] = start[overlaps + 1]
    together = overlaps[start[overlaps + 1] - start[overlaps] < TOGETHER_SECONDS]
    # Runs of neighbours among those.
    for run in np.split(together, np.flatnonzero(np.diff(together) > 1) + 1):
        if len(run):
            first, last = int(run[0]), int(run[-1]) + 1
            _share(start, end, shown, sizes, first, last, track)
    return Cut(start, end, overlaps)


def _share(
    start: FloatArray,
    end: FloatArray,
    shown: FloatArray,
    sizes: IntArray,
    first: int,
    last: int,
    track: IntArray,
) -> None:
    """Divide the time of the lines first..last between them; `shown` has the original ends."""
    begin, finish = start[first], shown[first : last + 1].max()
    if last + 1 < len(start) and track[last + 1] == track[last]:
        finish = min(finish, start[last + 1])
    parts = np.cumsum(np.maximum(sizes[first : last + 1], 1))
    bounds = np.minimum(begin + (finish - begin) * (parts / parts[-1]), finish)
    start[first + 1 : last + 1] = bounds[:-1]
    end[first : last + 1] = bounds
    end[last] = finish
