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
#: Picture and sound this far apart are out of step: two grid points, less than a syllable.
OUT_OF_STEP_SECONDS = 2 / GRID_RATE


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
    """For each of `points` grid points the number of the frame it shows, int64 [points].

    The frames are spread evenly over the grid, whenever they are shown.
    """
    import numpy as np

    places = np.linspace(0, len(frames) - 1, points).round().astype(np.int64)
    chosen: np.ndarray = frames[places]
    return chosen


def frames_in_step(times: np.ndarray, frames: np.ndarray, start: float, points: int) -> np.ndarray:
    """The same as `frames_on_grid` where that keeps in step with the sound.

    Where it does not, because frames are not shown equally long or because there are fewer of them
    than there is sound, a grid point gets the frame that is shown at its time. `times`: [n, 2] of
    all frames, `start`: seconds of the first grid point.
    """
    import numpy as np

    even = frames_on_grid(frames, points)
    moments = start + np.arange(points) / GRID_RATE
    begin, end = times[even, 0], times[even, 1]
    off = np.maximum(begin - moments, moments - end)
    # Spreading rounds to the nearest frame, and so is off by up to half a frame.
    usual = float(np.median(times[frames, 1] - times[frames, 0])) / 2
    if off.max() <= OUT_OF_STEP_SECONDS + usual:
        return even
    middles = moments + 0.5 / GRID_RATE
    shown = np.searchsorted(times[frames, 0], middles, side="right") - 1
    chosen: np.ndarray = frames[shown.clip(0, len(frames) - 1)]
    return chosen
