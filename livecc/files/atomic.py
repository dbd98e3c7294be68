"""Atomic writes: a partially written file is never mistaken for a complete one.

Every writer writes to a temporary file in the target folder, flushes it to disk and renames it.
"""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import orjson

from livecc.errors import LiveccError
from livecc.files.leftovers import errors_about, temporary_path

ZSTD_LEVEL = 1
#: No space left, quota exceeded, file too large.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success fsync it and rename it to `path`.

    On any error, including KeyboardInterrupt, the temporary file is removed and `path` is left
    unchanged. The next writer removes what a killed one left (`livecc.files.leftovers`). Raises
    LiveccError when the disk is full.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with errors_about(path, temporary):
            yield temporary
            with temporary.open("rb") as handle:
                os.fsync(handle.fileno())
            temporary.replace(path)
        _fsync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise LiveccError(
                f"{path}: cannot be written ({os.strerror(error.errno)}); free some space and "
                "restart: finished work is kept"
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
    """A binary stream to `path`, compressed by suffix (`.gz`, `.zst`) and renamed when complete.

    Compressed bytes depend only on the content: the header has no file name or time.
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
    """Read a JSON file written by the workflow.

    Raises LiveccError when it is missing or invalid.
    """
    path = Path(path)
    # A pipe would be waited for.
    if path.exists() and not path.is_file():
        raise LiveccError(f"{path}: no regular file")
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file") from None
    except orjson.JSONDecodeError as error:
        raise LiveccError(f"{path}: not valid JSON ({error})") from None
