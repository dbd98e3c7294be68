"""Words of a transcript, looked up in its JSON line instead of parsed.

Cutting needs all times, but only the first and last bytes of most words. The strings, most of the
cost of parsing, are never created.

This relies on the format that the workflow writes: one orjson object per line, without spaces. A
quote inside a string follows a backslash, so `],"start":[` cannot occur in one, and once escapes
are masked, the remaining quotes are those around words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

_WORDS, _START, _END = b'"words":[', b'],"start":[', b'],"end":['
_CONFIDENCE = b'],"confidence":['
_QUOTE = ord('"')
# As long as the escape it replaces, and never valid in JSON.
_MASK = b"\0\0"

IntArray = np.ndarray[Any, np.dtype[np.int64]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]


class JsonWords:
    """Words stored as the content of a JSON list; strings are created on access.

    Raises ValueError when the content is no list of strings, or when a word has an escape other
    than of a quote or backslash.
    """

    __slots__ = ("_bytes", "_close", "_json", "_open")

    def __init__(self, json: bytes) -> None:
        self._json = json
        if b"\\" in json:
            # In this order: in `\\"` the backslash is escaped, and the quote ends the word.
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
        """(n,) last UTF-8 byte of each word: a quote for an empty word, 0 for an escape."""
        return self._bytes.take(self._close - 1)

    def first_bytes(self, words: IntArray) -> tuple[ByteArray, ByteArray]:
        """First and second UTF-8 byte of each of `words`, two arrays of its shape.

        Bytes after the end of a word are a quote or a comma; an escape gives two zeros.
        """
        first = self._open[words] + 1
        # Clipped, because an empty last word has no second byte.
        return self._bytes[first], self._bytes.take(first + 1, mode="clip")


def parse_for_cutting(line: bytes) -> Any:
    """The record of a line of transcripts, as far as `clip_transcripts` needs it.

    `words` is a JsonWords, `start` and `end` are (n,) float64 arrays; `confidence` is left out. A
    line in another format than the workflow writes is parsed by orjson, with lists. Raises
    orjson.JSONDecodeError.
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
        starts = _times(line[start - 1 : after_start + 1])
        ends = _times(line[end - 1 : after_end + 1])
        # The rest has an empty list of words and is a few hundred bytes long.
        record = orjson.loads(line[:words] + line[rest:])
    except (ValueError, TypeError):
        return None
    if not len(texts) == len(starts) == len(ends):
        return None
    return {**record, "words": texts, "start": starts, "end": ends}


def _times(json: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    times = orjson.loads(json)
    return np.fromiter(times, np.float64, len(times))


def _list_end(line: bytes, begin: int, following: bytes) -> int:
    """The end of the list whose content starts at `begin` and that `following` follows, or -1.

    Searching for a single byte is several times as fast, and words rarely contain brackets.
    """
    bracket = line.find(b"]", begin)
    return bracket if line.startswith(following, bracket) else line.find(following, begin)
