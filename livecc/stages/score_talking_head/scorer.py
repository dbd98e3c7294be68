"""Shared by the engines: rows, batches, and reading videos ahead of the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from livecc.declaration import Setup
from livecc.media.frames import Frames
from livecc.media.pool import DecodeOptions, Failure, decode_ahead
from livecc.media.resize import Resize

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Row(Generic[Key]):
    """The result for one video: `score` in [0, 1], or None and the `reason`.

    `frames` is the number of frames used for the score. A `transient` failure may not occur again.
    """

    key: Key
    score: float | None
    frames: int
    reason: str = ""
    transient: bool = False


class TalkingHeadScorer(ABC):
    """One score per video from `frames` evenly sampled frames. Subclasses set the attributes.

    `resize` runs in the decoding processes; `batch_size` is the maximum number of videos scored at
    a time.
    """

    frames: int
    resize: Resize | None
    batch_size: int
    decode: DecodeOptions

    @classmethod
    @abstractmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        """See `livecc.stages.score_talking_head.engine`."""

    @classmethod
    @abstractmethod
    def load(cls, setup: Setup) -> Self:
        """See `livecc.stages.score_talking_head.engine`."""

    def score(self, items: Iterable[tuple[Key, Path | str]]) -> Iterator[list[Row[Key]]]:
        """Score the videos at the paths of (key, path) and yield their rows batch by batch.

        Yields one row per item, in order, including failed videos. A problem with a video raises
        nothing. The caller can store results between batches.
        """
        decoded = decode_ahead(
            items,
            self.frames,
            self.resize,
            workers=self.decode.workers,
            timeout_seconds=self.decode.timeout_seconds,
            ahead=self.decode.ahead or 2 * self.decode.workers,
            threads=self.decode.threads,
        )
        with closing(decoded):
            for batch in self._batches(decoded):
                yield self._rows(batch)

    def _batches(
        self, decoded: Iterable[tuple[Key, Frames | Failure]]
    ) -> Generator[list[tuple[Key, Frames | Failure]], None, None]:
        batch: list[tuple[Key, Frames | Failure]] = []
        for item in decoded:
            read = [frames for _, frames in [*batch, item] if isinstance(frames, Frames)]
            if batch and (len(batch) >= self.batch_size or not self._fits(read)):
                yield batch
                batch = []
            batch.append(item)
        if batch:
            yield batch

    def _rows(self, batch: list[tuple[Key, Frames | Failure]]) -> list[Row[Key]]:
        outcomes = iter(self._score([f for _, f in batch if isinstance(f, Frames)]))
        rows = []
        for key, frames in batch:
            outcome = frames if isinstance(frames, Failure) else next(outcomes)
            if isinstance(outcome, Failure):
                rows.append(Row(key, None, 0, outcome.reason, outcome.transient))
            else:
                rows.append(Row(key, outcome, self.frames))
        return rows

    def _fits(self, videos: list[Frames]) -> bool:  # noqa: ARG002
        """Whether the videos fit into one batch, apart from their number."""
        return True

    @abstractmethod
    def _score(self, videos: list[Frames]) -> list[float | Failure]:
        """The score of each video, or the reason why it has none."""
