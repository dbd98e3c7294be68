"""The analysed parts of a clip: windows on a grid of 25 frames per second.

The grid is as long as the clip's audio: one frame for every four MFCC vectors. The frames that the
video has in the clip are spread evenly over it, whatever the frame rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livecc.stages.score_active_speaker.tracks import LEAST_FRAMES

if TYPE_CHECKING:
    import numpy as np

#: Grid points per second, and MFCC vectors per grid point.
GRID_RATE = 25
MFCC_PER_POINT = 4
#: Length of a window in grid points, and distance between the starts of windows.
WINDOW, EVERY = 150, 750
#: Video and audio this far apart are out of sync: two grid points, less than a syllable.
OUT_OF_STEP_SECONDS = 2 / GRID_RATE


def windows(points: int, mode: str) -> list[tuple[int, int]]:
    """The windows [first, last) of a grid of `points` points.

    A clip shorter than one window has none in paper mode. In default mode it has one window of its
    own length, unless it is too short for any track.
    """
    found = [(first, first + WINDOW) for first in range(0, points - WINDOW + 1, EVERY)]
    if not found and mode == "default" and points >= LEAST_FRAMES:
        return [(0, points)]
    return found


def frames_inside(times: np.ndarray, start: float, end: float) -> np.ndarray:
    """The numbers of the frames displayed entirely within [start, end] seconds, int64.

    `times`: [n, 2], start and end of each frame's display. All times are compared as float32, so
    that 1 / 25 s computed by a decoder equals 0.04 s in a transcript.
    """
    import numpy as np

    shown = times.astype(np.float32)
    inside: np.ndarray = np.flatnonzero(
        (shown[:, 0] >= np.float32(start)) & (shown[:, 1] <= np.float32(end))
    )
    return inside


def frames_on_grid(frames: np.ndarray, points: int) -> np.ndarray:
    """The frame number for each of `points` grid points, int64 [points].

    The frames are spread evenly over the grid, regardless of their times.
    """
    import numpy as np

    places = np.linspace(0, len(frames) - 1, points).round().astype(np.int64)
    chosen: np.ndarray = frames[places]
    return chosen


def frames_in_step(times: np.ndarray, frames: np.ndarray, start: float, points: int) -> np.ndarray:
    """The same as `frames_on_grid` if it is in sync with the audio.

    Otherwise (frames of unequal duration, or video shorter than the audio) a grid point gets the
    frame displayed at its time. `times`: [n, 2] of all frames. `start`: time of the first grid
    point (seconds).
    """
    import numpy as np

    even = frames_on_grid(frames, points)
    moments = start + np.arange(points) / GRID_RATE
    begin, end = times[even, 0], times[even, 1]
    off = np.maximum(begin - moments, moments - end)
    # Spreading rounds to the nearest frame, so it deviates by up to half a frame.
    usual = float(np.median(times[frames, 1] - times[frames, 0])) / 2
    if off.max() <= OUT_OF_STEP_SECONDS + usual:
        return even
    middles = moments + 0.5 / GRID_RATE
    shown = np.searchsorted(times[frames, 0], middles, side="right") - 1
    chosen: np.ndarray = frames[shown.clip(0, len(frames) - 1)]
    return chosen
