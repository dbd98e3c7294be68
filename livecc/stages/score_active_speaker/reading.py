"""The scorer's input from a video, extracted in one pass over its clips.

This runs in the reading processes: audio and frames are decoded, faces are detected and tracked,
and only the face crops and their audio features are passed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from livecc.faces.detector import FaceDetector
from livecc.faces.load import load_detector
from livecc.media.audio import read_audio_spans
from livecc.media.decord_library import import_decord
from livecc.media.frames import Video, VideoError, open_video
from livecc.stages.score_active_speaker.crops import cut_faces
from livecc.stages.score_active_speaker.mfcc import PER_SECOND, RATE, count, mfcc
from livecc.stages.score_active_speaker.tracks import Track, follow, whole_boxes
from livecc.stages.score_active_speaker.windows import (
    GRID_RATE,
    MFCC_PER_POINT,
    WINDOW,
    frames_in_step,
    frames_inside,
    frames_on_grid,
    windows,
)

if TYPE_CHECKING:
    import numpy as np

#: Height and width of the frames for every video, as in the original.
SIZE = (160, 288)
#: A clip may extend this much beyond the end of its video, because word times are not exact.
BEYOND_SECONDS = 1.0
#: Frames per detector batch; more are not faster on one core.
DETECTION_BATCH = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """Spans (start, end) of clips of one video, in seconds on the trainer's clock, sorted by start.

    `detector` is the name of a face detector and the folder of its weights. `keep`: also return the
    frames and audio of the windows, 21 MB each.
    """

    path: Path
    spans: tuple[tuple[float, float], ...]
    mode: str
    detector: tuple[str, Path]
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The grid points [first, first + points) of a clip and the faces tracked through them.

    `faces[k]`: the pixels of the face of `tracks[k]` in each of its frames, uint8 RGB [height,
    width, 3]. `sounds[k]`: the MFCCs of the same time, float32 [4 n, 13]. If kept, `frames`: uint8
    RGB [points, height, width, 3], and `samples`: float32 [n], mono, at RATE.
    """

    first: int
    points: int
    tracks: list[Track]
    faces: list[list[np.ndarray]]
    sounds: list[np.ndarray]
    frames: np.ndarray | None = None
    samples: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """The windows of a clip; none if it is `silent`.

    `points` is the number of frames in all windows, also for a silent clip.
    """

    windows: list[Window]
    points: int
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """The reason why a clip cannot be scored."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """For each clip a sight or the reason why there is none, and the seconds each part took."""

    clips: list[Sight | Unseen]
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("sound", "decoding", "detection"), 0.0)
    )

    def timed(self, part: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[part] += time.perf_counter() - started


def read(task: Task) -> Reading:
    """The sight of each of the task's clips.

    Raises LiveccError when the whole video cannot be used: AudioError or VideoError.
    """
    reading = Reading([])
    sounds = reading.timed("sound", lambda: _sounds(task))
    if all(isinstance(sound, Unseen) or sound.values is None for sound in sounds):
        # If all clips are silent, nobody speaks, whatever the frames show.
        reading.clips.extend(
            sound if isinstance(sound, Unseen) else _silent(sound) for sound in sounds
        )
        return reading
    video = reading.timed("decoding", lambda: open_video(task.path, 1, SIZE))
    times = reading.timed("decoding", video.times)
    for sound, span in zip(sounds, task.spans, strict=True):
        reading.clips.append(
            sound if isinstance(sound, Unseen) else _sight(task, reading, video, times, sound, span)
        )
    return reading


@dataclass(frozen=True, slots=True)
class _Sound:
    """The MFCCs of a clip (None: silent), the resulting grid and the windows on it.

    `samples`: float32 [n], mono, at RATE, if kept.
    """

    values: np.ndarray | None
    points: int
    windows: list[tuple[int, int]]
    samples: np.ndarray | None

    def window(self, first: int, last: int) -> np.ndarray | None:
        """The kept samples of the grid points [first, last)."""
        a_point = RATE // GRID_RATE
        return None if self.samples is None else self.samples[a_point * first : a_point * last]


def _sounds(task: Task) -> list[_Sound | Unseen]:
    """The audio of each clip, read in one pass."""
    # The original's slice has one sample more than the span.
    samples = [(int(start * RATE), int(end * RATE) + 1) for start, end in task.spans]
    results: list[_Sound | Unseen] = []
    pieces = read_audio_spans(task.path, samples, RATE, task.mode)
    for (start, end), (first, last), piece in zip(task.spans, samples, pieces, strict=True):
        missing = (last - first - len(piece)) / RATE
        points = count(len(piece)) // MFCC_PER_POINT
        found = windows(points, task.mode)
        if end <= start:
            results.append(Unseen("too short: nothing is said after the first word"))
        elif not len(piece):
            results.append(Unseen(f"the sound ends before {_span(start, end)}"))
        elif task.mode == "default" and missing > BEYOND_SECONDS:
            results.append(_beyond("sound", end - missing, end))
        elif not found:
            results.append(Unseen(_too_short(points, task.mode)))
        else:
            values = mfcc(piece, of_silence=task.mode == "paper")
            results.append(_Sound(values, points, found, piece if task.keep else None))
    return results


def _too_short(points: int, mode: str) -> str:
    least = f"{WINDOW / GRID_RATE:g} s" if mode == "paper" else f"{5 / GRID_RATE:g} s"
    return f"too short: {points / GRID_RATE:.2f} s after the first word, {least} are needed"


def _beyond(what: str, end: float, clip_end: float) -> Unseen:
    return Unseen(f"the clip ends at {clip_end:.1f} s, the {what} of the video at {end:.1f} s")


def _span(start: float, end: float) -> str:
    return f"the clip's {start:.2f} to {end:.2f} s"


def _silent(sound: _Sound) -> Sight:
    return Sight([], sum(last - first for first, last in sound.windows), silent=True)


def _sight(
    task: Task,
    reading: Reading,
    video: Video,
    times: np.ndarray,
    sound: _Sound,
    span: tuple[float, float],
) -> Sight | Unseen:
    import numpy as np

    start, end = span
    inside = frames_inside(times, start, end)
    if not len(inside):
        return Unseen(f"no frame of the video lies in {_span(start, end)}")
    if task.mode == "default" and times[-1, 1] < end - BEYOND_SECONDS:
        return _beyond("picture", float(times[-1, 1]), end)
    if sound.values is None:
        return _silent(sound)
    if task.mode == "paper":
        grid = frames_on_grid(inside, sound.points)
    else:
        grid = frames_in_step(times, inside, start, sound.points)
    seen = []
    for first, last in sound.windows:
        try:
            pixels, tracks = _faces(task, reading, video, grid[first:last])
        except VideoError as error:
            # A frame that cannot be decoded fails only its clip.
            return Unseen(str(error))
        faces, sounds = [], []
        for track in tracks:
            begin = MFCC_PER_POINT * (first + track.first)
            sounds.append(sound.values[begin : begin + MFCC_PER_POINT * len(track.boxes)])
            faces.append(cut_faces(pixels, track))
        kept = (np.stack(pixels), sound.window(first, last)) if task.keep else (None, None)
        seen.append(Window(first, last - first, tracks, faces, sounds, *kept))
    return Sight(seen, sum(window.points for window in seen))


def _faces(
    task: Task, reading: Reading, video: Video, numbers: np.ndarray
) -> tuple[list[np.ndarray], list[Track]]:
    """The frames `numbers`, uint8 RGB [height, width, 3] each, and the faces in them."""
    import numpy as np

    # At low frame rates, a frame fills several grid points.
    own, places = np.unique(numbers, return_inverse=True)
    pixels = reading.timed("decoding", lambda: video.read(own))
    # Frames of slides and screens are often identical: reuse the previous detections.
    fresh = np.append(True, (pixels[1:] != pixels[:-1]).any(axis=(1, 2, 3)))
    detector = _detector(*task.detector)
    found = reading.timed("detection", lambda: detector.detect(pixels[fresh], DETECTION_BATCH))
    of_fresh = [whole_boxes(faces) for faces in found]
    boxes = [of_fresh[number] for number in fresh.cumsum() - 1]
    tracks = follow(boxes[place] for place in places)
    return [pixels[place] for place in places], tracks


@lru_cache(maxsize=1)
def _detector(name: str, folder: Path) -> FaceDetector:
    """The detector of this process, with one thread, because there is one process per core."""
    detector = load_detector(name, folder, threads=1)
    # The original uses torchvision's non-maximum suppression, which adds no border.
    detector.border = 0.0
    return detector


def expected_windows(start: float, end: float) -> int:
    """Approximate number of windows of a span, at least 1, to limit how much is read at a time."""
    points = int((end - start) * PER_SECOND) // MFCC_PER_POINT
    return max(1, len(windows(points, "default")))


def libraries() -> list[str]:
    """Import what reading needs, before a time limit starts."""
    import av
    import onnx
    import onnxruntime

    return [library.__name__ for library in (av, import_decord(), onnx, onnxruntime)]
