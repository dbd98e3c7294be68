"""The interface of make_prompts engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol, Self

from livecc.declaration import Setup
from livecc.scores.job import Item, Row
from livecc.stages.make_prompts.spending import Spending


class PromptEngine(Protocol):
    """Answers clips. `livecc.stages.make_prompts.dialogue` handles retries of invalid answers."""

    #: Whether it runs a local model, whose receipt the job has.
    local: ClassVar[bool]
    #: Whether its requests cost money, which `spending` counts.
    paid: ClassVar[bool]

    @classmethod
    def load(cls, setup: Setup, spending: Spending) -> Self:
        """Load the model or connect to the service. Raises LiveccError on failure.

        `setup.options` holds `settings` (which change answers) and `service` (which do not).
        """

    def __call__(self, items: Iterator[Item[str]]) -> Iterator[Sequence[tuple[str, Row]]]:
        """Rows of the stage's table for clip texts, as they complete."""
