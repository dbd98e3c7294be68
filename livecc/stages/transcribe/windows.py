"""Speech windows of several videos, and the queue that forms full batches of them.

Whisper reads windows of at most 30 seconds. A short video has one or two, so a batch from a single
video would be nearly empty. Batches are therefore filled across videos.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livecc.stages.transcribe.words import Passage, Region

#: Windows wait for others of their language until this many batches of windows are queued.
WAITING_BATCHES = 4


@dataclass(slots=True, eq=False)
class Video:
    """A video being processed: its properties, and the passages of its finished windows.

    `language` is None until it is identified. A video with a `reason` has no words; its queued
    windows are skipped. `sound` is data that its engine keeps until the video is finished. `ahead`:
    seconds by which the sound's clock is ahead of the trainer's.
    """

    key: Hashable
    duration: float
    regions: Sequence[Region]
    sound: Any = None
    ahead: float = 0.0
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
    """The `index`-th window of a video; `data` is the model's input."""

    video: Video
    index: int
    data: Any


class WindowQueue:
    """Windows in order of arrival, returned in batches of one language.

    Windows of videos whose language is still unknown form a separate group.
    """

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self._groups: dict[str | None, deque[Window]] = {}

    def add(self, windows: Iterable[Window]) -> None:
        for window in windows:
            if not window.video.reason:
                self._groups.setdefault(window.video.language, deque()).append(window)

    def take(self, *, rest: bool = False) -> list[Window]:
        """A full batch; with `rest`, or when too many windows are queued, the fullest available.

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
        """Regroup windows whose language is now known, and remove those no longer needed."""
        groups, self._groups = self._groups, {}
        unknown = groups.pop(None, deque())
        for group in (*groups.values(), unknown):
            self.add(group)
