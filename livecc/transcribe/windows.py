"""Windows of several videos' speech, and the queue that makes full batches of them.

Whisper reads windows of at most 30 seconds. A short video has one or two, so that a batch of one
video's windows would be nearly empty; batches are therefore filled across videos.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livecc.transcribe.words import Passage, Region

#: Windows may wait for others of their language until this many batches of them are held.
WAITING_BATCHES = 4


@dataclass(slots=True, eq=False)
class Video:
    """A video in work: what is known of it and the passages of the windows that are done.

    `language` is None until it is identified. A video with a `reason` has no words, and its waiting
    windows are passed over. `sound` is what its engine needs of it until the end.
    """

    key: Hashable
    duration: float
    regions: Sequence[Region]
    sound: Any = None
    language: str | None = None
    language_probability: float | None = None
    passages: list[Passage | None] = field(default_factory=list)
    reason: str = ""
    transient: bool = False

    @property
    def speech_seconds(self) -> float:
        return sum(end - start for start, end in self.regions)

    @property
    def done(self) -> bool:
        return bool(self.reason) or all(passage is not None for passage in self.passages)


@dataclass(slots=True, eq=False)
class Window:
    """The `index`-th window of a video; `data` is what the model reads of it."""

    video: Video
    index: int
    data: Any


class WindowQueue:
    """Windows in the order they came, given out in batches of one language.

    Windows of a video whose language is not known yet are a group of their own.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._groups: dict[str | None, deque[Window]] = {}

    def add(self, windows: Iterable[Window]) -> None:
        for window in windows:
            if not window.video.reason:
                self._groups.setdefault(window.video.language, deque()).append(window)

    def take(self, *, rest: bool = False) -> list[Window]:
        """A full batch; with `rest`, or when too many windows wait, the fullest that there is.

        Empty when no batch is due.
        """
        self._tidy()
        if not self._groups:
            return []
        language = max(self._groups, key=lambda name: len(self._groups[name]))
        group = self._groups[language]
        waiting = sum(map(len, self._groups.values()))
        if not (
            rest or len(group) >= self.batch_size or waiting > WAITING_BATCHES * self.batch_size
        ):
            return []
        return [group.popleft() for _ in range(min(len(group), self.batch_size))]

    def _tidy(self) -> None:
        """Put windows whose language is known by now, and those that nobody waits for, away."""
        groups, self._groups = self._groups, {}
        unknown = groups.pop(None, deque())
        for group in (*groups.values(), unknown):
            self.add(group)
