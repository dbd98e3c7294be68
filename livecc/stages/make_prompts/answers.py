"""Parsing a model's output into an answer, or into the reason why it is invalid.

The requested format is the JSON object {"result": "YES" or "NO", "query": text}. Markdown fences
and reasoning before it are skipped.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_QUERY_CHARACTERS = 1_000
#: The same format as a schema, for services that enforce one.
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {
        "result": {"type": "string", "enum": ["YES", "NO"]},
        "query": {"type": "string"},
    },
    "required": ["result", "query"],
    "additionalProperties": False,
}

_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```[a-z]*\s(.*)```", re.DOTALL | re.IGNORECASE)
# Control characters, and halves of surrogate pairs, which cannot be encoded.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class InvalidAnswerError(Exception):
    """An unusable answer; the message says why, in words that the model also understands."""


@dataclass(frozen=True)
class Answer:
    """`query` is empty for NO."""

    result: str
    query: str


def parse_answer(text: str) -> Answer:
    """The answer in a model's text. Raises InvalidAnswerError."""
    value = _json_object(_THOUGHTS.sub("", text, count=1))
    result = value.get("result")
    if result not in ("YES", "NO"):
        raise InvalidAnswerError('"result" is neither "YES" nor "NO"')
    if result == "NO":
        return Answer("NO", "")
    query = value.get("query")
    if not isinstance(query, str):
        raise InvalidAnswerError('"result" is "YES", but "query" is no text')
    return Answer("YES", _checked_query(query))


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = _load(text)
    except ValueError:
        fenced = _FENCE.search(text)
        if not fenced:
            raise InvalidAnswerError("it is not a JSON object") from None
        try:
            value = _load(fenced[1])
        except ValueError:
            raise InvalidAnswerError("it is not a JSON object") from None
    if not isinstance(value, dict):
        raise InvalidAnswerError("it is not a JSON object")
    return value


def _load(text: str) -> Any:
    """Parse strict JSON. Raises ValueError for anything else, including duplicate keys."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key comes twice")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _checked_query(query: str) -> str:
    """The query on one line, stripped."""
    query = " ".join(query.split())
    if not re.search(r"[^\W_]", query):
        raise InvalidAnswerError('"result" is "YES", but "query" holds no word')
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidAnswerError(f'"query" is longer than {MAX_QUERY_CHARACTERS} characters')
    if _UNPRINTABLE.search(query):
        raise InvalidAnswerError('"query" holds characters that cannot be printed')
    return query
