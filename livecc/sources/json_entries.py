"""JSON of dumps, one entry at a time: lines of objects, and one large object of entries by id."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from livecc.files.limits import MAX_INPUT_LINE_BYTES
from livecc.files.lines import decompressed, most_unpacked
from livecc.sources.numbered_lines import numbered_lines
from livecc.sources.registry import Bad

_PIECE = 2**20
_INK = re.compile(r"[^ \t\r\n]")


def objects_of_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Bad]:
    """(line number, object) of each line of a file, or why there is none."""
    for found in numbered_lines(path):
        if isinstance(found, Bad):
            yield found
            continue
        number, line = found
        line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Bad(f"line {number}", f"not JSON: {error}")
            continue
        if type(value) is dict:
            yield number, value
        else:
            yield Bad(f"line {number}", "the line is no JSON object")


def items_of_object(path: Path) -> Iterator[tuple[str, Any] | Bad]:
    """(key, value) of the one object in a file, in bounded memory: such files have gigabytes.

    ijson does this, too, but its time grows with the square of the depth of what it reads, so that
    a file of a megabyte may keep it busy for hours. Here Python's own parser reads entry by entry.
    """
    key = ""
    try:
        with path.open("rb") as raw:
            for key, value in _Entries(decompressed(path, raw, most_unpacked)):
                yield key, value
    except (ValueError, EOFError, OSError) as error:
        after = f"after the entry {key[:100]!r}" if key else "at its beginning"
        yield Bad(after, f"not JSON: {error}")


class _Entries:
    """Parses one object entry by entry. Raises ValueError for anything else."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._parse = json.JSONDecoder().raw_decode
        self._text = ""
        self._place = 0
        self._ended = False

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        if self._next() != "{":
            raise ValueError("it is no object")
        self._place += 1
        if self._next() == "}":
            return
        while True:
            if self._next() != '"':
                raise ValueError("a key is missing")
            key = self._value()
            if self._next() != ":":
                raise ValueError("a colon is missing")
            self._place += 1
            self._next()
            yield key, self._value()
            following = self._next()
            if following == "}":
                return
            if following != ",":
                raise ValueError("a comma is missing")
            self._place += 1

    def _next(self) -> str:
        """The next character that is no white space, which becomes the place; "" at the end."""
        while True:
            found = _INK.search(self._text, self._place)
            if found:
                self._place = found.start()
                return found[0]
            self._place = len(self._text)
            if self._ended:
                return ""
            self._read()

    def _value(self) -> Any:
        """The value at the place, which moves behind it."""
        while True:
            try:
                value, end = self._parse(self._text, self._place)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError(error.msg) from None
                if len(self._text) - self._place > MAX_INPUT_LINE_BYTES:
                    most = MAX_INPUT_LINE_BYTES // 2**20
                    raise ValueError(f"{error.msg}, or an entry of more than {most} MiB") from None
            else:
                # A number may go on.
                if end < len(self._text) or self._ended:
                    self._place = end
                    return value
            self._read()

    def _read(self) -> None:
        """Add at least as much as is left, so that a long entry is not parsed often."""
        self._text = self._text[self._place :]
        self._place = 0
        data = self._stream.read(max(_PIECE, len(self._text)))
        self._ended = not data
        self._text += self._decoder.decode(data, final=self._ended)
