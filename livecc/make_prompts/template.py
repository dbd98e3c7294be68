"""Fixed queries without a model, for demonstrations: the same text always gets the same one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from livecc.fingerprint import content_key
from livecc.make_prompts.leaks import leaked_words
from livecc.scoring import Item, Row, failed, ok

NAME = "template"


def answer(text: str, templates: Sequence[str], leak_words: int) -> Row:
    """One of the templates, by the hash of the text; the next one if that repeats the text."""
    counts: dict[str, Any] = {"engine": NAME, "input_tokens": 0, "output_tokens": 0}
    first = int(content_key(text), 16) % len(templates)
    for template in (*templates[first:], *templates[:first]):
        if leaked_words(template, text, leak_words) is None:
            return ok(answer="YES", query=template, **counts)
    reason = f"every template repeats {leak_words} words of the transcript"
    return failed(reason, answer=None, query=None, **counts)


def answer_items(
    items: Iterator[Item[str]], templates: Sequence[str], leak_words: int
) -> Iterator[list[tuple[str, Row]]]:
    """Rows one by one; see `livecc.scoring.Engine`."""
    for item in items:
        yield [(item.id, answer(item.payload, templates, leak_words))]
