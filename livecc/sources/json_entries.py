"""JSON of dumps, one entry at a time: lines of objects, and one large object of entries by id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from livecc.files.limits import MAX_INPUT_LINE_BYTES
from livecc.files.lines import BrokenFileError, decompressed, most_unpacked, read_lines
from livecc.formats.input_lines import TOO_LONG
from livecc.sources.registry import Bad

_PIECE = 2**16


def objects_of_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Bad]:
    """(line number, object) of each line of a file, or why there is none."""
    numbered = read_lines(path)
    number = 0
    while True:
        try:
            number, line = next(numbered)
        except StopIteration:
            return
        except BrokenFileError as error:
            yield Bad(f"line {number + 1}", str(error).removeprefix(f"{path}: "))
            return
        if line is None:
            yield Bad(f"line {number}", TOO_LONG)
            continue
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
    """(key, value) of the one object in a file, by ijson: files of this kind have gigabytes."""
    import ijson

    key = ""
    with path.open("rb") as raw:
        stream = _Limited(decompressed(path, raw, most_unpacked))
        try:
            for key, value in ijson.kvitems(stream, "", use_float=True, buf_size=_PIECE):
                stream.since = 0
                yield key, value
        except (ijson.JSONError, UnicodeDecodeError, EOFError, OSError, ValueError) as error:
            words = error.args[0] if error.args else ""
            reason = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(error)
            after = f"after the entry {key[:100]!r}" if key else "at its beginning"
            yield Bad(after, f"not JSON: {' '.join(reason.split())[:300]}")


class _Limited:
    """A stream whose reader may not take more than MAX_INPUT_LINE_BYTES for one entry."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.since = 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(_PIECE if size < 0 else size)
        self.since += len(data)
        if self.since > MAX_INPUT_LINE_BYTES + 2 * _PIECE:
            raise ValueError(f"an entry takes more than {MAX_INPUT_LINE_BYTES // 2**20} MiB")
        return data
