"""Streaming reads of text files, plain or compressed.

Memory is bounded by one line, not by the file.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import orjson

from livecc.errors import LiveccError
from livecc.files.limits import (
    MAX_EXPANSION,
    MAX_INPUT_LINE_BYTES,
    MAX_OWN_LINE_BYTES,
    most_unpacked,
)
from livecc.terminal import printable

# Compressed bytes at a time. Few, because all that they expand to is in memory at once: gzip makes
# up to 1,032 times as much, zstd 128 KiB of 4 bytes, which is 16 and 64 MiB.
_GZIP_PIECE, _ZSTD_PIECE = 16 * 2**10, 2 * 2**10
JSON_LINES_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def shard_name(path: Path | str) -> str:
    """The stem of an input file: its name without `.jsonl`, `.jsonl.gz` or `.jsonl.zst`.

    Raises LiveccError for any other suffix.
    """
    name = Path(path).name
    for suffix in sorted(JSON_LINES_SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix)
    raise LiveccError(
        f"{printable(str(path))}: not a JSON-lines file; its name must end in "
        f"{', '.join(JSON_LINES_SUFFIXES)}"
    )


class BrokenFileError(LiveccError):
    """A file is truncated or corrupt; the lines before that point were yielded."""


def read_lines(path: Path | str, *, own: bool = False) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, line without its newline) of a plain, gzip or zstd file.

    A line longer than livecc.files.limits allows is yielded as None, so that a runaway line cannot
    exhaust memory. Raises BrokenFileError after the last readable line of a file that is corrupt or
    truncated, or unpacks to more than the limits allow, and LiveccError when it cannot be opened.
    `own`: the workflow wrote the file.
    """
    path = Path(path)
    longest = MAX_OWN_LINE_BYTES if own else MAX_INPUT_LINE_BYTES
    try:
        raw: BinaryIO = path.open("rb", buffering=2**20)
    except OSError as error:
        raise LiveccError(f"{path}: cannot be read ({error.strerror})") from None
    number = 0
    with raw:
        try:
            stream = decompressed(path, raw, None if own else most_unpacked)
            while True:
                # Its newline does not count.
                line = stream.readline(longest + 1)
                if not line:
                    return
                number += 1
                if line.endswith(b"\n"):
                    yield number, line[:-1]
                elif len(line) > longest:
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(longest)
                    yield number, None
                else:
                    yield number, line
        except (EOFError, OSError) as error:
            raise BrokenFileError(f"{path}: broken after line {number} ({error})") from None


def decompressed(path: Path, raw: BinaryIO, most: Callable[[int], int] | None) -> IO[bytes]:
    """The decompressed content of the open file `raw`; the suffix of `path` names the format.

    `most`: the bytes that so many compressed bytes may unpack to; None: any number. Reading raises
    EOFError where the compressed data are corrupt or truncated, or unpack to more.
    """
    name = path.name
    if name.endswith(".gz"):
        # 16: expect a gzip header. Members may be concatenated, with zeros between them.
        frames = _FrameReader(
            *(raw, "gzip", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), _GZIP_PIECE, most),
            padding=b"\0",
        )
    elif name.endswith(".zst"):
        import zstandard

        new_frame = zstandard.ZstdDecompressor().decompressobj
        frames = _FrameReader(raw, "zstd", new_frame, _ZSTD_PIECE, most)
    else:
        return raw
    return cast(IO[bytes], io.BufferedReader(cast(Any, frames), 2**20))


class _FrameReader(io.RawIOBase):
    """Decompresses consecutive frames and returns everything readable before a fault.

    The stream readers of gzip and zstandard do not: one drops decompressed data when the file
    turns out to be truncated, the other treats such a file as complete.
    """

    def __init__(
        self,
        raw: BinaryIO,
        kind: str,
        new_frame: Callable[[], Any],
        piece: int,
        most: Callable[[int], int] | None,
        padding: bytes = b"",
    ) -> None:
        self._raw = raw
        self._kind = kind
        self._new_frame = new_frame
        self._piece = piece
        self._most = most
        self._packed = 0
        self._unpacked = 0
        self._padding = padding
        self._frame: Any = None
        self._compressed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._compressed:
                self._compressed = self._raw.read(self._piece)
                self._packed += len(self._compressed)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError(f"the {self._kind} data end in the middle")
                return 0
            if self._frame is None:
                self._compressed = (
                    self._compressed.lstrip(self._padding) if self._padding else self._compressed
                )
                if not self._compressed:
                    continue
                self._frame = self._new_frame()
            try:
                self._ready = memoryview(self._frame.decompress(self._compressed))
            except Exception as error:  # zlib.error or zstandard.ZstdError
                raise EOFError(f"not {self._kind} data: {error}") from None
            self._unpacked += len(self._ready)
            if self._most is not None and self._unpacked > self._most(self._packed):
                raise EOFError(
                    f"the {self._kind} data unpack to more than {MAX_EXPANSION} times their size; "
                    "decompress the file first if it is meant to be so"
                )
            self._compressed = b""
            if self._frame.eof:
                self._compressed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def read_jsonl(
    path: Path | str,
    wanted: Callable[[bytes], bool] = lambda _line: True,
    parse: Callable[[bytes], Any] = orjson.loads,
) -> Iterator[Any]:
    """Records of a JSON-lines file written by the workflow; lines not `wanted` are skipped.

    `parse` turns a line into a record and raises orjson.JSONDecodeError for invalid JSON.

    Raises LiveccError naming an invalid line: the file was edited by hand or the disk is faulty,
    and the message says to remove the file so that it is recreated.
    """
    for number, line in read_lines(path, own=True):
        if line is not None and not wanted(line):
            continue
        try:
            yield parse(line or b"")
        except orjson.JSONDecodeError as error:
            raise LiveccError(
                f"{path}, line {number}: not valid JSON ({error}); remove the file to recreate it"
            ) from None
