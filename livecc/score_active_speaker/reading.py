"""What of a video the scorer looks at and listens to, read in one pass for several of its clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.media.audio import read_audio_spans
from livecc.media.frames import Video, VideoError, open_video
from livecc.score_active_speaker.mfcc import PER_SECOND, RATE, count, mfcc
from livecc.score_active_speaker.windows import (
    GRID_RATE,
    MFCC_PER_POINT,
    WINDOW,
    frames_inside,
    frames_on_grid,
    windows,
)

if TYPE_CHECKING:
    import numpy as np

#: Height and width of the frames, whatever the video's: the original's.
SIZE = (160, 288)
#: A clip may reach this much beyond the end of its video: word times are not exact.
BEYOND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """Spans (start, end) in seconds of clips of one video, sorted by their start."""

    path: Path
    spans: tuple[tuple[float, float], ...]
    mode: str
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Sight:
    """The windows of a clip, none of them when it is `silent`.

    `windows`: frames of each, uint8 RGB [n, height, width, 3]; `sounds`: their MFCCs, float32
    [4 n, 13]. `points` is the number of frames in all windows, also of a silent clip.
    """

    windows: list[np.ndarray]
    sounds: list[np.ndarray]
    points: int
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why a clip cannot be looked at."""

    reason: str


def read(task: Task) -> list[Sight | Unseen]:
    """The sight of each of the task's clips.

    Raises LiveccError when the whole video cannot be used: AudioError or VideoError.
    """
    sounds = _sounds(task)
    heard = {k: sound for k, sound in enumerate(sounds) if isinstance(sound, _Sound)}
    if all(sound.values is None for sound in heard.values()):
        # Silence alone: nobody speaks, whatever the picture shows.
        return [_silent(sound) if isinstance(sound, _Sound) else sound for sound in sounds]
    video = open_video(task.path, task.threads, SIZE)
    times = video.times()
    chosen: dict[int, np.ndarray] = {}
    results: list[Sight | Unseen] = []
    for k, (sound, (start, end)) in enumerate(zip(sounds, task.spans, strict=True)):
        if isinstance(sound, Unseen):
            results.append(sound)
            continue
        inside = frames_inside(times, start, end)
        if not len(inside):
            results.append(Unseen(f"no frame of the video lies in {_span(start, end)}"))
        elif task.mode == "default" and times[-1, 1] < end - BEYOND_SECONDS:
            results.append(_beyond("picture", float(times[-1, 1]), end))
        else:
            results.append(_silent(sound))
            if sound.values is not None:
                grid = frames_on_grid(inside, sound.points)
                chosen[k] = _joined([grid[first:last] for first, last in sound.windows])
    pixels = _pixels(video, chosen)
    for k, frames in pixels.items():
        results[k] = frames if isinstance(frames, Unseen) else _sight(heard[k], frames)
    return results


@dataclass(frozen=True, slots=True)
class _Sound:
    """The MFCCs of a clip (None: silent), the grid they make and the windows on it."""

    values: np.ndarray | None
    points: int
    windows: list[tuple[int, int]]


def _sounds(task: Task) -> list[_Sound | Unseen]:
    """The sound of each clip, read in one pass."""
    # The original's slice has one sample more than the span.
    samples = [(int(start * RATE), int(end * RATE) + 1) for start, end in task.spans]
    results: list[_Sound | Unseen] = []
    pieces = read_audio_spans(task.path, samples, RATE)
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
            values = mfcc(piece)
            if values is None and task.mode == "paper":
                results.append(Unseen("the sound is silent: it cannot be scaled"))
            else:
                results.append(_Sound(values, points, found))
    return results


def _too_short(points: int, mode: str) -> str:
    least = f"{WINDOW / GRID_RATE:g} s" if mode == "paper" else f"{5 / GRID_RATE:g} s"
    return f"too short: {points / GRID_RATE:.2f} s after the first word, {least} are needed"


def _beyond(what: str, end: float, clip_end: float) -> Unseen:
    return Unseen(f"the clip ends at {clip_end:.1f} s, the {what} of the video at {end:.1f} s")


def _span(start: float, end: float) -> str:
    return f"the clip's {start:.2f} to {end:.2f} s"


def _silent(sound: _Sound) -> Sight:
    points = sum(last - first for first, last in sound.windows)
    return Sight([], [], points, silent=True)


def _sight(sound: _Sound, frames: np.ndarray) -> Sight:
    pictures: list[np.ndarray] = []
    sounds: list[np.ndarray] = []
    used = 0
    for first, last in sound.windows:
        pictures.append(frames[used : used + last - first])
        used += last - first
        assert sound.values is not None
        sounds.append(sound.values[MFCC_PER_POINT * first : MFCC_PER_POINT * last])
    return Sight(pictures, sounds, used)


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    import numpy as np

    return np.concatenate(parts)


def _pixels(video: Video, chosen: dict[int, np.ndarray]) -> dict[int, np.ndarray | Unseen]:
    """The frames of each clip, all read at once: some files can only be read from their beginning.

    A frame that cannot be decoded costs its clip only.
    """
    import numpy as np

    if not chosen:
        return {}
    numbers = np.unique(np.concatenate(list(chosen.values())))
    try:
        frames = video.read(numbers)
    except VideoError as error:
        if len(chosen) == 1:
            return {k: Unseen(str(error)) for k in chosen}
        alone: dict[int, np.ndarray | Unseen] = {}
        for k, own in chosen.items():
            alone.update(_pixels(video, {k: own}))
        return alone
    return {k: frames[np.searchsorted(numbers, own)] for k, own in chosen.items()}


def expected_windows(start: float, end: float) -> int:
    """About how many windows a span has, to bound what is read at a time; at least 1."""
    points = int((end - start) * PER_SECOND) // MFCC_PER_POINT
    return max(1, len(windows(points, "default")))
