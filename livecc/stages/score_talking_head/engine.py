"""The interface of score_talking_head engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from livecc.declaration import Setup
from livecc.stages.score_talking_head.scorer import Row


class TalkingHeadEngine(Protocol):
    """Scores videos. The base class `livecc.stages.score_talking_head.scorer.TalkingHeadScorer`
    reads frames and forms batches.
    """

    @classmethod
    def settings(cls, options: Mapping[str, Any], device: str) -> dict[str, Any]:
        """The options that can change a score; part of the fingerprint of scores."""

    @classmethod
    def load(cls, setup: Setup) -> Self:
        """Load the model. Raises LiveccError on failure."""

    def score(self, items: Iterable[tuple[str, Path]]) -> Iterator[list[Row[str]]]:
        """Score the videos at the paths of (key, path), and yield their rows batch by batch.

        Every video gets a row, including failed ones. A problem with a video raises nothing.
        """
