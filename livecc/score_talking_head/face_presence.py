"""The share of sampled frames that show a large face: a talking-head score without a GPU.

A frame counts when the tallest face in it is at least `min_face` of the frame's height. A presenter
in a corner of a screen recording must count, and the inset is commonly a fifth to a quarter of the
picture's height, of which the face fills a good third: hence 0.08. Passers-by in a street scene are
mostly smaller, and seldom there in all frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from livecc.errors import LiveccError
from livecc.faces import load_detector
from livecc.media.frames import Frames
from livecc.media.pool import Failure
from livecc.media.resize import LongestSide
from livecc.score_talking_head.scorer import DecodeOptions, TalkingHeadScorer


@dataclass(frozen=True, slots=True)
class FacePresenceOptions:
    """`frames` a video, their longer side shrunk to `longest_side` pixels; `detector` by name.

    `score_threshold` replaces the detector's own; `min_face` is the least height of a face as a
    share of the frame's height. With 640 pixels a face of 0.08 is 29 pixels tall in a 16:9 video,
    which all detectors here find.
    """

    frames: int = 8
    detector: str = "centerface"
    score_threshold: float | None = None
    min_face: float = 0.08
    longest_side: int = 640

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise LiveccError(f"face_presence: frames is {self.frames}, must be at least 1")
        if not 0 <= self.min_face <= 1:
            raise LiveccError(f"face_presence: min_face is {self.min_face}, must be from 0 to 1")
        if self.longest_side < 32:
            raise LiveccError(
                f"face_presence: longest_side is {self.longest_side}, must be at least 32"
            )


class FacePresence(TalkingHeadScorer):
    batch_size = 8

    def __init__(
        self,
        model_dir: Path | str,
        options: FacePresenceOptions,
        decode: DecodeOptions,
        *,
        device: str = "cpu",
        threads: int = 0,
    ) -> None:
        self.options = options
        self.decode = decode
        self.frames = options.frames
        self.resize = LongestSide(options.longest_side)
        self.detector = load_detector(
            options.detector,
            model_dir,
            threads,
            device=device,
            score_threshold=options.score_threshold,
        )

    def _score(self, videos: list[Frames]) -> list[float | Failure]:
        # Frames of different videos differ in size, so that each video is a batch of its own.
        return [self._share(video) for video in videos]

    def _share(self, video: Frames) -> float:
        least = self.options.min_face * video.pixels.shape[1]
        found = [
            bool(len(faces)) and float((faces[:, 3] - faces[:, 1]).max()) >= least
            for faces in self.detector.detect(video.pixels)
        ]
        return sum(found) / len(found)
