"""The share of sampled frames that show a large face: a talking-head score without a GPU.

A frame counts if its tallest face is at least `min_face` of the frame's height. The default, 0.08,
includes a presenter in a corner of a screen recording: the inset is usually a fifth to a quarter of
the frame's height, and the face a good third of the inset. Passers-by in a street scene are mostly
smaller and rarely present in all frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.faces.load import load_detector
from livecc.media.frames import Frames
from livecc.media.pool import DecodeOptions, Failure
from livecc.media.resize import LongestSide
from livecc.stages.score_talking_head.scorer import TalkingHeadScorer


@dataclass(frozen=True, slots=True)
class FacePresenceOptions:
    """`frames` per video, shrunk so that the longer side is at most `longest_side` pixels.

    `detector` is a name. `score_threshold` overrides the detector's own. `min_face` is the minimum
    height of a face, relative to the frame's. With 640 pixels, a face of 0.08 is 29 pixels tall in
    a 16:9 video, which all detectors find.
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


def _options(options: Mapping[str, Any]) -> FacePresenceOptions:
    """From the options of the stage's section."""
    given = {
        "frames": options["frames"],
        "detector": options["detector"],
        "score_threshold": options["min_score"],
        "min_face": options["min_face"],
    }
    return FacePresenceOptions(**{name: v for name, v in given.items() if v is not None})


class FacePresence(TalkingHeadScorer):
    batch_size = 8

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:  # noqa: ARG003
        return asdict(_options(options))

    @classmethod
    def load(cls, setup: Setup) -> Self:
        return cls(
            setup.model(),
            _options(setup.options),
            DecodeOptions.of(setup),
            device=setup.device,
            threads=setup.threads,
        )

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
        # Frames of different videos differ in size, so each video is a separate batch.
        return [self._share(video) for video in videos]

    def _share(self, video: Frames) -> float:
        least = self.options.min_face * video.pixels.shape[1]
        found = [
            bool(len(faces)) and float((faces[:, 3] - faces[:, 1]).max()) >= least
            for faces in self.detector.detect(video.pixels)
        ]
        return sum(found) / len(found)
