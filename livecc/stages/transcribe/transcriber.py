"""Shared by the engines: reading ahead, batches across videos, and one transcription per video."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from livecc.declaration import Setup
from livecc.media.pool import DecodeOptions, Failure, work_ahead
from livecc.stages.transcribe.windows import Video, Window, WindowQueue
from livecc.stages.transcribe.words import Passage, Word, clean, joined, on_trainers_clock

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Transcription:
    """The result for one video: its words, or the `reason` why it has none.

    Times are seconds on the trainer's clock. `dropped` counts words left out, by reason. A
    `transient` failure may not occur again. Unknown values are None.
    """

    words: list[Word] = field(default_factory=list)
    reason: str = ""
    transient: bool = False
    language: str | None = None
    language_probability: float | None = None
    duration: float | None = None
    speech_seconds: float | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)


class Transcriber(ABC):
    """Transcribes many videos with batches filled across them. Subclasses set the attributes.

    `read` opens a file in a worker process and returns the input of `_begin`; `warm_up` imports
    what it needs. `languages` are those wanted, None for all. Paper mode keeps the model's words
    unchanged; default mode filters them with `livecc.stages.transcribe.words.clean`.
    """

    read: Callable[[Path], Any]
    warm_up: Callable[[], object]
    batch_size: int
    languages: Collection[str] | None
    decode: DecodeOptions
    mode: str
    #: Whether running on CUDA requires a CUDA build of torch.
    by_torch: ClassVar[bool]

    @classmethod
    @abstractmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        """See `livecc.stages.transcribe.engine`."""

    @classmethod
    @abstractmethod
    def load(cls, setup: Setup) -> Self:
        """See `livecc.stages.transcribe.engine`."""

    def __init__(self) -> None:
        #: Windows transcribed, and slots in the batches that held them.
        self.windows = 0
        self.places = 0

    @property
    def occupancy(self) -> float:
        """Mean share of a batch's slots that held a window; 1 when there was no batch."""
        return self.windows / self.places if self.places else 1.0

    def transcribe(
        self, items: Iterable[tuple[Key, Path]]
    ) -> Iterator[list[tuple[Key, Transcription]]]:
        """Transcribe the files at the paths of (key, path); yield finished ones batch by batch.

        Yields every item once, in order of completion. A problem with a file raises nothing. The
        caller can store results between batches.
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
                # Queue them again by language: a batch has one language.
                queue.add(batch)
            else:
                self._in_memory(batch, queue, self._fill)
            done = [video for video in _videos(batch) if video.done]
            if done:
                yield [(video.key, self._finish(video)) for video in done]

    def _in_memory(
        self, batch: list[Window], queue: WindowQueue, run: Callable[[list[Window]], None]
    ) -> None:
        """Run a batch; when memory runs out, halve it, also for later batches."""
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
        log.warning("out of memory: using batches of %d windows from now on", queue.batch_size)
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
            words, before = on_trainers_clock(words, video.ahead)
            dropped = Counter(dropped) + before
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
        """The video of a file and its windows; no windows when there is no speech."""

    @abstractmethod
    def _identify(self, batch: list[Window]) -> None:
        """Set the language of the videos in the batch whose language is unknown."""

    @abstractmethod
    def _passages(self, batch: list[Window]) -> list[Passage]:
        """The passage of each window; all windows have the same language."""

    @abstractmethod
    def _placed(self, video: Video, passages: list[Passage]) -> list[Passage]:
        """A video's passages with times on the sound's clock; may set the video's reason."""


def _videos(batch: Sequence[Window]) -> list[Video]:
    """The videos of a batch, each once."""
    return list(dict.fromkeys(window.video for window in batch))


def _why_none(video: Video, dropped: Mapping[str, int]) -> str:
    if dropped:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
        return f"no words are left: {counts}"
    return "no words were recognised" if video.regions else "nobody speaks"
