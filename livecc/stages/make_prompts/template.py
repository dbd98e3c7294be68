"""Predefined queries without a model, for demonstrations; a text always gets the same query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

from livecc.declaration import Setup
from livecc.scores.fingerprint import content_key
from livecc.scores.job import Item, Row, failed, ok
from livecc.stages.make_prompts.leaks import leaked_words
from livecc.stages.make_prompts.spending import Spending
from livecc.terminal import count

NAME = "template"


def answer(text: str, templates: Sequence[str], leak_words: int) -> Row:
    """A template chosen by the hash of the text; the next one if the template leaks the text."""
    counts: dict[str, Any] = {"engine": NAME, "input_tokens": 0, "output_tokens": 0}
    first = int(content_key(text), 16) % len(templates)
    for template in (*templates[first:], *templates[:first]):
        if leaked_words(template, text, leak_words) is None:
            return ok(answer="YES", query=template, **counts)
    reason = f"every template repeats {count(leak_words, 'word')} of the transcript"
    return failed(reason, answer=None, query=None, **counts)


class TemplateEngine:
    """Rows one by one; see `livecc.stages.make_prompts.engine`."""

    local: ClassVar[bool] = False
    paid: ClassVar[bool] = False

    @classmethod
    def load(cls, setup: Setup, spending: Spending) -> Self:  # noqa: ARG003
        settings = setup.options["settings"]
        return cls(settings["templates"], settings["leak_words"])

    def __init__(self, templates: Sequence[str], leak_words: int) -> None:
        self.templates = templates
        self.leak_words = leak_words

    def __call__(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
        for item in items:
            yield [(item.id, answer(item.payload, self.templates, self.leak_words))]
