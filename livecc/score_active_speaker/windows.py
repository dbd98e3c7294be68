"""Which moments of a clip are looked at: windows on a grid of 25 pictures a second.

The grid is as long as the clip's sound: a picture for every four MFCC vectors, spread evenly over
the frames that the video has in the clip, whatever its frame rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livecc.score_active_speaker.tracks import LEAST_FRAMES

if TYPE_CHECKING:
    import numpy as np

#: Grid points a second, and MFCC vectors a grid point.
GRID_RATE = 25
MFCC_PER_POINT = 4
#: Grid points of a window, and from the beginning of one window to the next.
WINDOW, EVERY = 150, 750


def windows(points: int, mode: str) -> list[tuple[int, int]]:
    """The windows [first, last) of a grid of `points` points.

    A clip shorter than one window has none in paper mode. In default mode it has one as long as
    itself, unless it is too short for any track.
    """
    found = [(first, first + WINDOW) for first in range(0, points - WINDOW + 1, EVERY)]
    if not found and mode == "default" and points >= LEAST_FRAMES:
        return [(0, points)]
    return found


def frames_inside(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """The numbers of the frames that are shown wholly within [start, end] seconds, int64.

    `times`: [n, 2], when each frame appears and when it is gone. All are compared as float32, so
    that 1 / 25 s computed by a decoder and 0.04 s written in a transcript are equal.
    """
    import numpy as np

    shown = times.astype(np.float32)
    inside: np.ndarray = np.flatnonzero(
        (shown[:, 0] >= np.float32(start)) & (shown[:, 1] <= np.float32(end))
    )
    return inside


def frames_on_grid(frames: np.ndarray, points: int) -> np.ndarray:
    """For each of `points` grid points the number of the frame it shows, int64 [points]."""
    import numpy as np

    places = np.linspace(0, len(frames) - 1, points).round().astype(np.int64)
    chosen: np.ndarray = frames[places]
    return chosen
