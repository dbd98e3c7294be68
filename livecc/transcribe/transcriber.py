"""What the engines share: sounds read ahead, batches across videos, one transcription a video."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from livecc.media.pool import Failure, work_ahead
from livecc.transcribe.windows import Video, Window, WindowQueue
from livecc.transcribe.words import Passage, Word, clean, joined

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was made of one video: its words, or the `reason` why it has none.

    Times are seconds on the file's clock; `dropped` counts words that were not said, by reason. A
    `transient` failure may be gone the next time. What could not be found out is None.
    """

    words: list[Word] = field(default_factory=list)
    reason: str = ""
    transient: bool = False
    language: str | None = None
    language_probability: float | None = None
    duration: float | None = None
    speech_seconds: float | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How files are read; none of it changes a transcription.

    `workers` processes read ahead of the model, a file that takes longer than `timeout_seconds`
    fails, and at most `ahead` files wait as sound in memory beside those in work (0: one more than
    the workers).
    """

    workers: int = 1
    timeout_seconds: float = 300.0
    ahead: int = 0


class Transcriber(ABC):
    """Transcribes many videos with batches filled across them. Subclasses set the attributes.

    `read` opens a file in a worker process and returns what `_begin` makes a video of; `warm_up`
    imports what it needs. `languages` are those wanted, None for all. In paper mode words are what
    the model gave, in default mode `livecc.transcribe.words.clean` looks at them.
    """

    read: Callable[[Path], Any]
    warm_up: Callable[[], object]
    batch_size: int
    languages: Collection[str] | None
    decode: DecodeOptions
    mode: str

    def __init__(self) -> None:
        #: Windows transcribed, and places for them in the batches they were transcribed in.
        self.windows = 0
        self.places = 0

    @property
    def occupancy(self) -> float:
        """Mean share of a batch's places that held a window; 1 when there was no batch."""
        return self.windows / self.places if self.places else 1.0

    def transcribe(
        self, items: Iterable[tuple[Key, Path]]
    ) -> Iterator[list[tuple[Key, Transcription]]]:
        """Transcribe the files at the paths of (key, path); yield what is done, batch by batch.

        Every item comes out once, in the order they are done. Nothing that is wrong with a file
        raises. Between two batches the caller can store what it got.
        """
        queue = WindowQueue(self.batch_size)
        workers = self.decode.workers
        sounds = work_ahead(
            self.read,
            items,
            workers=workers,
            timeout_seconds=self.decode.timeout_seconds,
            ahead=self.decode.ahead or workers + 1,
            warm_up=self.warm_up,
        )
        with closing(sounds):
            for key, sound in sounds:
                if isinstance(sound, Failure):
                    failed = Transcription(reason=sound.reason, transient=sound.transient)
                    yield [(key, failed)]
                    continue
                video, windows = self._begin(key, sound)
                if video.language is not None:
                    self._check_language(video)
                video.passages = [None] * len(windows)
                queue.add(windows)
                if video.done:
                    yield [(key, self._finish(video))]
                yield from self._work(queue, rest=False)
        yield from self._work(queue, rest=True)

    def _work(self, queue: WindowQueue, *, rest: bool) -> Iterator[list[tuple[Any, Transcription]]]:
        """Run the batches that are due."""
        while batch := queue.take(rest=rest):
            if batch[0].video.language is None:
                self._in_memory(batch, queue, self._identify)
                for video in _videos(batch):
                    self._check_language(video)
                # Under their languages now: a batch has one.
                queue.add(batch)
            else:
                self._in_memory(batch, queue, self._fill)
            done = [video for video in _videos(batch) if video.done]
            if done:
                yield [(video.key, self._finish(video)) for video in done]

    def _in_memory(
        self, batch: list[Window], queue: WindowQueue, run: Callable[[list[Window]], None]
    ) -> None:
        """Run a batch; when memory runs out, its halves, and smaller batches from then on."""
        try:
            run(batch)
            return
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
                raise
            if len(batch) == 1:
                batch[0].video.reason = "not enough memory for one window of 30 s"
                batch[0].video.transient = True
                return
        queue.batch_size = max(1, len(batch) // 2)
        log.warning("memory ran out: batches of %d windows from now on", queue.batch_size)
        for half in (batch[: queue.batch_size], batch[queue.batch_size :]):
            self._in_memory(half, queue, run)

    def _fill(self, batch: list[Window]) -> None:
        passages = self._passages(batch)
        for window, passage in zip(batch, passages, strict=True):
            window.video.passages[window.index] = passage
        self.windows += len(batch)
        self.places += self.batch_size

    def _check_language(self, video: Video) -> None:
        if self.languages is not None and video.language not in self.languages:
            wanted = ", ".join(sorted(self.languages))
            probability = video.language_probability
            how_sure = "" if probability is None else f" ({probability:.2f})"
            video.reason = f"the language is {video.language}{how_sure}, wanted: {wanted}"

    def _finish(self, video: Video) -> Transcription:
        words: list[Word] = []
        dropped: Mapping[str, int] = {}
        if not video.reason:
            passages = self._placed(video, [p for p in video.passages if p is not None])
            if self.mode == "paper":
                words, dropped = joined(passages)
            else:
                words, dropped = clean(passages, video.regions, video.duration)
            if not words and not video.reason:
                video.reason = _why_none(video, dropped)
        video.sound = None
        return Transcription(
            words=words,
            reason=video.reason,
            transient=video.transient,
            language=video.language,
            language_probability=video.language_probability,
            duration=video.duration,
            speech_seconds=video.speech_seconds,
            dropped=dropped,
        )

    @abstractmethod
    def _begin(self, key: Hashable, sound: Any) -> tuple[Video, list[Window]]:
        """The video of a file that was read, and its windows; none when nobody speaks."""

    @abstractmethod
    def _identify(self, batch: list[Window]) -> None:
        """Set the language of the videos in the batch that have none."""

    @abstractmethod
    def _passages(self, batch: list[Window]) -> list[Passage]:
        """The passage of each window of one language."""

    @abstractmethod
    def _placed(self, video: Video, passages: list[Passage]) -> list[Passage]:
        """A video's passages with times on the file's clock; may set the video's reason."""


def _videos(batch: Sequence[Window]) -> list[Video]:
    """The videos of a batch, each once."""
    return list(dict.fromkeys(window.video for window in batch))


def _why_none(video: Video, dropped: Mapping[str, int]) -> str:
    if dropped:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        return f"no words are left: {counts}"
    return "no words were recognised" if video.regions else "nobody speaks"
