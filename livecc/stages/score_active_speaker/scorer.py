"""The share of a clip's frames in which the speaker is visible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.faces.load import load_detector
from livecc.media.pool import Failure, work_ahead
from livecc.stages.score_active_speaker.crops import crop_faces
from livecc.stages.score_active_speaker.reading import (
    Sight,
    Task,
    Unseen,
    Window,
    expected_windows,
    libraries,
    read,
)
from livecc.stages.score_active_speaker.speaker import Speaker
from livecc.stages.score_active_speaker.windows import GRID_RATE

if TYPE_CHECKING:
    import numpy as np

#: Windows read each time a video is opened; they correspond to half an hour of clips.
WINDOWS_TOGETHER = 60
#: Decimals of a share, as in the original.
DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Request:
    """A clip to score: its id, its video and its span in seconds."""

    id: str
    path: Path
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Result:
    """The score of a clip in [0, 1], or None and the reason.

    `frames`: number of analysed frames, on a grid of 25 per second. `tracks`: number of face tracks
    found in them. A `transient` failure may not occur again.
    """

    id: str
    score: float | None
    tracks: int = 0
    frames: int = 0
    reason: str = ""
    transient: bool = False

    @property
    def seconds(self) -> float:
        """The length of the analysed part of the clip."""
        return self.frames / GRID_RATE


#: Called for each clip that is not silent, with the request, the windows (with their frames and
#: audio, unless the scorer is made without), and the logits of every frame for each window and
#: track.
Watcher = Callable[[Request, "list[Window]", "list[list[np.ndarray]]"], None]


class ActiveSpeakerScorer:
    """Scores clips, while worker processes detect the faces of the next videos.

    Raises LiveccError when the detector cannot be loaded.

    `detector` is the name of a face detector and the folder of its weights. `workers` processes
    read; a reading that takes longer than `timeout_seconds` fails. `with_frames`: whether `watch`
    gets frames and audio, 21 MB for each window. `seconds` holds the time of each part: `sound`,
    `decoding` and `detection` in the workers, `crops` and `network` in this process, and `waiting`
    for the workers.
    """

    def __init__(
        self,
        detector: tuple[str, Path],
        speaker: Speaker,
        *,
        mode: str,
        timeout_seconds: float = 300.0,
        workers: int = 1,
        watch: Watcher | None = None,
        with_frames: bool = True,
    ) -> None:
        # Report a problem with the detector once here, not for every video.
        load_detector(*detector, threads=1)
        self.detector = detector
        self.speaker = speaker
        self.mode = mode
        self.timeout_seconds = timeout_seconds
        self.workers = workers
        self.watch = watch
        self.keep = watch is not None and with_frames
        parts = ("sound", "decoding", "detection", "crops", "network", "waiting")
        self.seconds = dict.fromkeys(parts, 0.0)

    def score(self, requests: Iterable[Request]) -> Iterator[list[Result]]:
        """Score the clips and yield results for some clips of one video at a time.

        The clips of a video must be contiguous. Every clip gets a result, sorted by start within a
        video. A problem with a video raises nothing.
        """
        # Windows kept for the observer are large.
        together = 1 if self.keep else WINDOWS_TOGETHER
        reading = work_ahead(
            read,
            ((tuple(group), self._task(group)) for group in _groups(requests, together)),
            workers=self.workers,
            timeout_seconds=self.timeout_seconds,
            ahead=2 * self.workers,
            warm_up=libraries,
        )
        with closing(reading):
            while True:
                with self._timed("waiting"):
                    outcome = next(reading, None)
                if outcome is None:
                    return
                group, found = outcome
                if isinstance(found, Failure):
                    reason, transient = found.reason, found.transient
                    yield [Result(r.id, None, reason=reason, transient=transient) for r in group]
                    continue
                for part, seconds in found.seconds.items():
                    self.seconds[part] += seconds
                for request, sight in zip(group, found.clips, strict=True):
                    yield [self._result(request, sight)]

    def _task(self, group: list[Request]) -> Task:
        spans = tuple((request.start, request.end) for request in group)
        return Task(group[0].path, spans, self.mode, self.detector, self.keep)

    def _result(self, request: Request, sight: Sight | Unseen) -> Result:
        if isinstance(sight, Unseen):
            return Result(request.id, None, reason=sight.reason)
        if sight.silent:
            return Result(request.id, 0.0, frames=sight.points)
        logits = self.listen(sight)
        if self.watch is not None:
            self.watch(request, sight.windows, logits)
        speaking = sum(int(own.sum()) for own in map(speaking_frames, sight.windows, logits))
        tracks = sum(len(window.tracks) for window in sight.windows)
        return Result(request.id, round(speaking / sight.points, DECIMALS), tracks, sight.points)

    def listen(self, sight: Sight) -> list[list[np.ndarray]]:
        """The logit of "speaking" for each frame of each track of each window."""
        faces = (self._crops(parts) for window in sight.windows for parts in window.faces)
        sounds = [sound for window in sight.windows for sound in window.sounds]
        before = self.seconds["crops"]
        with self._timed("network"):
            logits = iter(self.speaker.score(faces, sounds))
        self.seconds["network"] -= self.seconds["crops"] - before
        return [[next(logits) for _ in window.tracks] for window in sight.windows]

    def _crops(self, parts: list[np.ndarray]) -> np.ndarray:
        with self._timed("crops"):
            return crop_faces(parts)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - started


def speaking_frames(window: Window, logits: list[np.ndarray]) -> np.ndarray:
    """For every frame, whether at least one face speaks: bool [points]."""
    import numpy as np

    speaking = np.zeros(window.points, bool)
    for track, own in zip(window.tracks, logits, strict=True):
        speaking[track.first : track.first + len(own)] |= own > 0
    return speaking


def _groups(requests: Iterable[Request], together: int) -> Iterator[list[Request]]:
    """Group the clips of each video, up to about `together` windows per group."""
    for _, clips in groupby(requests, key=lambda request: request.path):
        group: list[Request] = []
        waiting = 0
        for clip in sorted(clips, key=lambda clip: clip.start):
            more = expected_windows(clip.start, clip.end)
            if group and waiting + more > together:
                yield group
                group, waiting = [], 0
            group.append(clip)
            waiting += more
        if group:
            yield group
