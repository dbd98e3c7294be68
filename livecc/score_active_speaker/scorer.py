"""The share of a clip's frames in which somebody who is seen speaks what is heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.faces.detector import FaceDetector
from livecc.media.pool import Failure, work_ahead
from livecc.score_active_speaker.crops import crop_faces
from livecc.score_active_speaker.reading import Sight, Task, Unseen, expected_windows, read
from livecc.score_active_speaker.speaker import Speaker
from livecc.score_active_speaker.tracks import Track, follow, whole_boxes
from livecc.score_active_speaker.windows import GRID_RATE, MFCC_PER_POINT

if TYPE_CHECKING:
    import numpy as np

#: Windows read at a time, 21 MB each. A video is opened once for so many (10 minutes of clips).
WINDOWS_AHEAD = 20
#: Frames a detector looks at in one go.
DETECTION_BATCH = 16
#: Decimals of a share, the original's.
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
    """The score of a clip in [0, 1], or None and the reason why there is none.

    `frames` that were looked at, on a grid of 25 a second, and the `tracks` found in them. A
    `transient` failure may be gone the next time.
    """

    id: str
    score: float | None
    tracks: int = 0
    frames: int = 0
    reason: str = ""
    transient: bool = False

    @property
    def seconds(self) -> float:
        """How much of the clip was looked at."""
        return self.frames / GRID_RATE


@dataclass(frozen=True, slots=True)
class Spoken:
    """A window's tracks and, for each, the logit of "speaks" of its every frame, float32 [n]."""

    tracks: list[Track]
    logits: list[np.ndarray]

    def speaking_frames(self) -> set[int]:
        """The frames in which at least one face speaks."""
        return {
            track.first + k
            for track, logits in zip(self.tracks, self.logits, strict=True)
            for k, logit in enumerate(logits)
            if logit > 0
        }


#: Is shown the id, windows (frames) and findings of every clip.
Watcher = Callable[[str, "list[np.ndarray]", "list[Spoken]"], None]


class ActiveSpeakerScorer:
    """Scores clips; reading the next videos goes on in a process of its own meanwhile.

    `seconds` holds what detecting, cropping and the network took, and how long they waited for
    reading.
    """

    def __init__(
        self,
        detector: FaceDetector,
        speaker: Speaker,
        *,
        mode: str,
        timeout_seconds: float = 300.0,
        threads: int = 1,
        watch: Watcher | None = None,
    ) -> None:
        self.detector = detector
        # The original suppresses boxes by torchvision's rule, which has no border.
        self.detector.border = 0.0
        self.speaker = speaker
        self.mode = mode
        self.timeout_seconds = timeout_seconds
        self.threads = threads
        self.watch = watch
        self.seconds = dict.fromkeys(("reading", "detection", "crops", "network"), 0.0)

    def score(self, requests: Iterable[Request]) -> Iterator[list[Result]]:
        """Score the clips and yield their results, some clips of one video at a time.

        Clips of one video must come together. Every clip has a result, those of a video by their
        start; nothing that is wrong with a video raises.
        """
        tasks = (
            (tuple(group), Task(group[0].path, _spans(group), self.mode, self.threads))
            for group in _groups(requests)
        )
        reading = work_ahead(read, tasks, workers=1, timeout_seconds=self.timeout_seconds, ahead=2)
        with closing(reading):
            while True:
                with self._timed("reading"):
                    outcome = next(reading, None)
                if outcome is None:
                    return
                group, sights = outcome
                if isinstance(sights, Failure):
                    reason, transient = sights.reason, sights.transient
                    yield [Result(r.id, None, reason=reason, transient=transient) for r in group]
                else:
                    pairs = zip(group, sights, strict=True)
                    yield [self._result(request.id, sight) for request, sight in pairs]

    def _result(self, clip: str, sight: Sight | Unseen) -> Result:
        if isinstance(sight, Unseen):
            return Result(clip, None, reason=sight.reason)
        if sight.silent:
            return Result(clip, 0.0, frames=sight.points)
        found = self.look(sight)
        if self.watch is not None:
            self.watch(clip, sight.windows, found)
        speaking = sum(len(spoken.speaking_frames()) for spoken in found)
        tracks = sum(len(spoken.tracks) for spoken in found)
        return Result(clip, round(speaking / sight.points, DECIMALS), tracks, sight.points)

    def look(self, sight: Sight) -> list[Spoken]:
        """Who is seen in each window, and when they speak."""
        with self._timed("detection"):
            windows = [self._tracks(frames) for frames in sight.windows]
        with self._timed("crops"):
            faces = [
                crop_faces(frames, track)
                for frames, tracks in zip(sight.windows, windows, strict=True)
                for track in tracks
            ]
        sounds = [
            sound[MFCC_PER_POINT * track.first : MFCC_PER_POINT * (track.first + len(track.boxes))]
            for sound, tracks in zip(sight.sounds, windows, strict=True)
            for track in tracks
        ]
        with self._timed("network"):
            logits = iter(self.speaker.score(faces, sounds))
        return [Spoken(tracks, [next(logits) for _ in tracks]) for tracks in windows]

    def _tracks(self, frames: np.ndarray) -> list[Track]:
        faces = self.detector.detect(frames, DETECTION_BATCH)
        return follow(whole_boxes(found) for found in faces)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - started


def _spans(group: list[Request]) -> tuple[tuple[float, float], ...]:
    return tuple((request.start, request.end) for request in group)


def _groups(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """The clips of one video together, up to WINDOWS_AHEAD windows of them."""
    for _, clips in groupby(requests, key=lambda request: request.path):
        group: list[Request] = []
        waiting = 0
        for clip in sorted(clips, key=lambda clip: clip.start):
            more = expected_windows(clip.start, clip.end)
            if group and waiting + more > WINDOWS_AHEAD:
                yield group
                group, waiting = [], 0
            group.append(clip)
            waiting += more
        if group:
            yield group
