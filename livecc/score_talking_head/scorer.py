"""What the engines share: rows, batches of videos, and reading the videos ahead of the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from livecc.media.frames import Frames
from livecc.media.pool import Failure, decode_ahead
from livecc.media.resize import Resize

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Row(Generic[Key]):
    """The result for one video: `score` in [0, 1], or None and the `reason` why there is none.

    `frames` is the number of frames the score was made from. A `transient` failure may be gone the
    next time.
    """

    key: Key
    score: float | None
    frames: int
    reason: str = ""
    transient: bool = False


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How videos are read; none of it changes a score.

    `workers` processes decode with `threads` threads each (0: the decoder chooses), a video that
    takes longer than `timeout_seconds` fails, and at most `ahead` videos wait as frames in memory
    beside the batch in work (0: twice the workers, which keeps every worker busy).
    """

    workers: int = 2
    threads: int = 1
    timeout_seconds: float = 120.0
    ahead: int = 0


class TalkingHeadScorer(ABC):
    """One score a video from `frames` evenly sampled frames. Subclasses set the attributes.

    `resize` is done where the frames are decoded; `batch_size` is the largest number of videos
    scored at a time.
    """

    frames: int
    resize: Resize | None
    batch_size: int
    decode: DecodeOptions

    def score(self, items: Iterable[tuple[Key, Path | str]]) -> Iterator[list[Row[Key]]]:
        """Score the videos at the paths of (key, path) and yield their rows batch by batch.

        Rows come in the order of the items, one for each, failed videos included; nothing that is
        wrong with a video raises. Between two batches the caller can store what it got.
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
        """Whether the videos can be one batch, apart from their number."""
        return True

    @abstractmethod
    def _score(self, videos: list[Frames]) -> list[float | Failure]:
        """The score of each video, or why it has none."""
