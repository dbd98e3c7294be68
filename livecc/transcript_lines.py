"""The words and times of a transcript, looked up in its line of JSON instead of parsed.

Cutting looks at every start, but only at the first and the last byte of most words, and at one end
a clip. So the strings and half of the times are never made, which is most of what parsing takes.

This rests on how the workflow writes its lines, one orjson object without spaces. Inside a string a
quote has a backslash before it, so `],"start":[` can only be what it looks like, and once the
escapes are masked the quotes left are those around words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

_WORDS, _START, _END = b'"words":[', b'],"start":[', b'],"end":['
_CONFIDENCE = b'],"confidence":['
_QUOTE, _COMMA = ord('"'), ord(",")
# As long as the escape that it stands for, and in no JSON.
_MASK = b"\0\0"

IntArray = np.ndarray[Any, np.dtype[np.int64]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]


class JsonWords:
    """Words kept as the inside of a JSON list; a string is made when it is asked for.

    Raises ValueError when that is not what it is, or a word has an escape other than those of
    quotes and backslashes.
    """

    __slots__ = ("_bytes", "_close", "_json", "_open")

    def __init__(self, json: bytes) -> None:
        self._json = json
        if b"\\" in json:
            # In this order: in `\\"` the backslash is the one escaped, and the quote ends the word.
            json = json.replace(b"\\\\", _MASK).replace(b'\\"', _MASK)
            if b"\\" in json:
                raise ValueError("an escape that is not looked into")
        self._bytes: ByteArray = np.frombuffer(json, np.uint8)
        quotes = np.flatnonzero(self._bytes == _QUOTE)
        self._open: IntArray = quotes[0::2]
        self._close: IntArray = quotes[1::2]
        n = len(self._close)
        if len(quotes) != 2 * n or (self._close - self._open).sum() + n + max(n - 1, 0) != len(
            json
        ):
            raise ValueError("not strings with one byte between them")

    def __len__(self) -> int:
        return len(self._open)

    def __getitem__(self, index: int) -> str:
        word: str = orjson.loads(self._json[self._open.item(index) : self._close.item(index) + 1])
        return word

    def last_bytes(self) -> ByteArray:
        """(n,) the last byte of each word's UTF-8: a quote if there is none, 0 for an escape."""
        return self._bytes.take(self._close - 1)

    def first_bytes(self, words: IntArray) -> tuple[ByteArray, ByteArray]:
        """The first and the second byte of the UTF-8 of each of `words`, both of its shape.

        After the end of a word they are a quote or a comma, for an escape two zeros.
        """
        first = self._open[words] + 1
        # Clipped, because after a last, empty word there is no second byte.
        return self._bytes[first], self._bytes.take(first + 1, mode="clip")


class JsonTimes:
    """Times kept as the inside of a JSON list of numbers; one is made when it is asked for."""

    __slots__ = ("_commas", "_json")

    def __init__(self, json: bytes) -> None:
        self._json = json
        self._commas: IntArray = np.flatnonzero(np.frombuffer(json, np.uint8) == _COMMA)

    def __len__(self) -> int:
        return len(self._commas) + 1 if self._json else 0

    def __getitem__(self, index: int) -> float:
        begin = self._commas[index - 1] + 1 if index else 0
        end = self._commas[index] if index < len(self._commas) else len(self._json)
        time: float = orjson.loads(self._json[begin:end])
        return time


def parse_for_cutting(line: bytes) -> Any:
    """The record of a line of transcripts, as far as `clip_transcripts` needs it.

    `words` is a JsonWords, `start` a (n,) float64 array, `end` a JsonTimes, and `confidence` is
    left out. Where these are not found as the workflow writes them, it is the record that orjson
    parses, with lists. Raises orjson.JSONDecodeError.
    """
    record = _looked_up(line)
    return orjson.loads(line) if record is None else record


def _looked_up(line: bytes) -> dict[str, Any] | None:
    words = line.find(_WORDS) + len(_WORDS)
    after_words = _list_end(line, words, _START)
    start = after_words + len(_START)
    after_start = _list_end(line, start, _END)
    end = after_start + len(_END)
    rest = after_end = line.find(b"]", end)
    if line.startswith(_CONFIDENCE, after_end):
        rest = line.find(b"]", after_end + len(_CONFIDENCE))
    if words < len(_WORDS) or -1 in (after_words, after_start, after_end, rest):
        return None
    try:
        texts = JsonWords(line[words:after_words])
        times = orjson.loads(line[start - 1 : after_start + 1])
        starts = np.fromiter(times, np.float64, len(times))
        # What is left has an empty list of words and is a few hundred bytes long.
        record = orjson.loads(line[:words] + line[rest:])
    except (ValueError, TypeError):
        return None
    ends = JsonTimes(line[end:after_end])
    if not len(texts) == len(starts) == len(ends):
        return None
    return {**record, "words": texts, "start": starts, "end": ends}


def _list_end(line: bytes, begin: int, following: bytes) -> int:
    """Where the list ends whose inside begins at `begin`, with `following` after it, or -1.

    To look for one byte is several times as fast, and there is seldom a bracket in a word.
    """
    bracket = line.find(b"]", begin)
    return bracket if line.startswith(following, bracket) else line.find(following, begin)
