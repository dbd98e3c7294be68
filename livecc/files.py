"""Reading and writing files so that a half-written file is never taken for a whole one.

Every writer here writes to a temporary name in the folder of the final file, flushes it to disk
and renames it. Readers stream: memory is bounded by one line or one batch, never by the file.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import orjson

from livecc.errors import LiveccError
from livecc.leftovers import temporary_path

JSON_LINES_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
MAX_LINE_BYTES = 256 * 2**20
ZSTD_LEVEL = 1
ROWS_PER_GROUP = 65_536
#: No space, no more space for this user, no longer files.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it to `path`.

    On any error, KeyboardInterrupt included, the temporary file is removed and `path` is left as
    it was. What a killed writer leaves, the next one removes (`livecc.leftovers`). Raises
    LiveccError when the disk is full.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
        _fsync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise LiveccError(
                f"{path}: cannot be written ({os.strerror(error.errno)}); free some space and "
                "start again: everything that was finished is kept"
            ) from None
        raise


def _fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_atomic(path: Path | str) -> Iterator[IO[bytes]]:
    """A binary stream to `path`, compressed by its suffix (`.gz`, `.zst`), renamed when whole.

    Compressed bytes depend on the content alone: no file name or time goes into the header.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        name = str(path)
        if name.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
                yield cast(IO[bytes], stream)
        elif name.endswith(".zst"):
            import zstandard

            compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
            with compressor.stream_writer(raw, closefd=False) as stream:
                yield cast(IO[bytes], stream)
        else:
            yield raw


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a small file atomically."""
    with open_atomic(path) as stream:
        stream.write(data)


def write_json(path: Path | str, value: Any) -> None:
    """Write a small indented JSON file atomically; keys keep their order."""
    write_bytes(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_json(path: Path | str) -> Any:
    """Read a JSON file the workflow wrote.

    Raises LiveccError when it is missing or not JSON.
    """
    path = Path(path)
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file") from None
    except orjson.JSONDecodeError as error:
        raise LiveccError(f"{path}: not valid JSON ({error})") from None


def shard_name(path: Path | str) -> str:
    """The stem of an input file: its name without `.jsonl`, `.jsonl.gz` or `.jsonl.zst`.

    Raises LiveccError for any other suffix.
    """
    name = Path(path).name
    for suffix in sorted(JSON_LINES_SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name.removesuffix(suffix)
    raise LiveccError(
        f"{path}: not a JSON-lines file; its name must end in {', '.join(JSON_LINES_SUFFIXES)}"
    )


class BrokenFileError(LiveccError):
    """A file ends, or breaks, in the middle; the lines before that point were yielded."""


def read_lines(path: Path | str) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number from 1, line without its newline) of a plain, gzip or zstd file.

    A line longer than MAX_LINE_BYTES is yielded as None, so that one runaway line cannot fill the
    memory. Raises BrokenFileError after the last readable line of a file whose compression is
    broken or cut, and LiveccError when it cannot be opened.
    """
    path = Path(path)
    try:
        raw: BinaryIO = path.open("rb", buffering=2**20)
    except OSError as error:
        raise LiveccError(f"{path}: cannot be read ({error.strerror})") from None
    number = 0
    with raw:
        try:
            stream = decompressed(path, raw)
            while True:
                line = stream.readline(MAX_LINE_BYTES)
                if not line:
                    return
                number += 1
                if line.endswith(b"\n"):
                    yield number, line[:-1]
                elif len(line) >= MAX_LINE_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = stream.readline(MAX_LINE_BYTES)
                    yield number, None
                else:
                    yield number, line
        except (EOFError, OSError) as error:
            raise BrokenFileError(f"{path}: broken after line {number} ({error})") from None


def decompressed(path: Path, raw: BinaryIO) -> IO[bytes]:
    """The content of the open file `raw`, which is compressed as the suffix of `path` says.

    Reading it raises EOFError where the compressed data break or are cut.
    """
    name = path.name
    if name.endswith(".gz"):
        # 16: a gzip header; members may follow one another, with zeros between them.
        frames = _FrameReader(raw, "gzip", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), b"\0")
    elif name.endswith(".zst"):
        import zstandard

        frames = _FrameReader(raw, "zstd", zstandard.ZstdDecompressor().decompressobj)
    else:
        return raw
    return cast(IO[bytes], io.BufferedReader(cast(Any, frames), 2**20))


class _FrameReader(io.RawIOBase):
    """Decompresses frames one after the other, and gives all that can be read before a fault.

    The stream readers of gzip and zstandard do not: one loses what it had decompressed when the
    file turns out to be cut, the other takes such a file for a whole one.
    """

    # Small, because all that a piece expands to is held at once.
    _PIECE = 16 * 2**10

    def __init__(
        self, raw: BinaryIO, kind: str, new_frame: Callable[[], Any], padding: bytes = b""
    ) -> None:
        self._raw = raw
        self._kind = kind
        self._new_frame = new_frame
        self._padding = padding
        self._frame: Any = None
        self._compressed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._compressed = self._compressed or self._raw.read(self._PIECE)
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
    """Records of a JSON-lines file the workflow itself wrote; lines not `wanted` are passed over.

    `parse` makes the record of a line, and raises orjson.JSONDecodeError where that is no JSON.

    Raises LiveccError naming the line when one is not JSON: the file was changed by hand or comes
    from a broken disk, and the message says to remove it so that it is made again.
    """
    for number, line in read_lines(path):
        if line is not None and not wanted(line):
            continue
        try:
            yield parse(line or b"")
        except orjson.JSONDecodeError as error:
            raise LiveccError(
                f"{path}, line {number}: not valid JSON ({error}); remove the file to make it again"
            ) from None


class TableWriter:
    """Writes a Parquet table batch by batch under a declared schema; use as a context manager.

    Rows are buffered until `rows_per_group` and then written as one row group.
    """

    def __init__(self, path: Path | str, schema: Any, rows_per_group: int = ROWS_PER_GROUP) -> None:
        self.path = Path(path)
        self.schema = schema
        self.rows_per_group = rows_per_group
        self._columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        self._buffered = 0

    def __enter__(self) -> TableWriter:
        import pyarrow.parquet

        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path))
            self._writer = pyarrow.parquet.ParquetWriter(temporary, self.schema, compression="zstd")
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Append one row; a column that is not in `row` is null."""
        for name, column in self._columns.items():
            column.append(row.get(name))
        self._buffered += 1
        if self._buffered >= self.rows_per_group:
            self._flush()

    def write_columns(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Append many rows given by column; every column of the schema must be there."""
        for name, column in self._columns.items():
            column.extend(columns[name])
        self._buffered += len(columns[self.schema.names[0]])
        if self._buffered >= self.rows_per_group:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        if self._buffered:
            self._writer.write_table(pyarrow.table(self._columns, schema=self.schema))
            for column in self._columns.values():
                column.clear()
            self._buffered = 0

    def _finish(self, kind: Any, *_: object) -> None:
        """Write what is left; only close the file after an error, which may be a full disk."""
        try:
            if kind is None:
                self._flush()
                self._writer.close()
        finally:
            with suppress(OSError):
                self._writer.close()

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)


def write_table(path: Path | str, schema: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a Parquet file atomically."""
    with TableWriter(path, schema) as writer:
        for row in rows:
            writer.write(row)


def write_arrow(path: Path | str, table: Any) -> None:
    """Write a `pyarrow.Table` to a Parquet file atomically, as `TableWriter` does."""
    import pyarrow.parquet

    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(
            table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP
        )


def read_table(path: Path | str, columns: Sequence[str] | None = None) -> Any:
    """The `pyarrow.Table` of a Parquet file the workflow wrote.

    Raises LiveccError when the file cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        # memory_map off: on network file systems a mapped file that is replaced raises SIGBUS.
        with pyarrow.OSFile(str(path)) as file:
            # A shard's table is too small to share among threads; jobs and shards run side by side.
            return pyarrow.parquet.ParquetFile(file).read(columns=columns, use_threads=False)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise LiveccError(
            f"{path}: cannot be read as a Parquet table ({error}); remove it to make it again"
        ) from None


def read_rows(path: Path | str, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rows of a Parquet file, as dicts."""
    return cast(list[dict[str, Any]], read_table(path, columns).to_pylist())


def read_row_batches(path: Path | str, batch_rows: int = 8_192) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, as dicts, a batch in memory at a time.

    Raises LiveccError when the file cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_rows):
                yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise LiveccError(
            f"{path}: cannot be read as a Parquet table ({error}); remove it to make it again"
        ) from None
