"""Merging sorted files of lines into one sorted sequence, with bounded memory and open files."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from livecc.errors import LiveccError

#: Files merged at once; more are merged in several passes, because open files are limited.
FAN_IN = 256
T = TypeVar("T")


def merge_sorted(
    files: Sequence[Path],
    scratch: Path,
    read: Callable[[IO[bytes], Path], Iterator[T]],
    line_of: Callable[[T], bytes],
    *,
    key: Callable[[T], Any] | None = None,
    again: str = "",
    fan_in: int = FAN_IN,
) -> Iterator[T]:
    """What `read` finds in all files, sorted by `key` (by itself if None), as each file is.

    `line_of` is the line of a thing, newline included, which goes to files in the folder `scratch`
    where more than `fan_in` files are merged. Raises LiveccError, which ends with `again`, when one
    of them is missing.
    """
    passes = 0
    left = list(files)

    def merge_once(part: Sequence[Path]) -> Iterator[T]:
        with contextlib.ExitStack() as stack:
            streams = [read(stack.enter_context(_opened(path, again)), path) for path in part]
            yield from heapq.merge(*streams, key=key)  # type: ignore[arg-type]  # of what sorts

    while len(left) > fan_in:
        passes += 1
        merged = []
        for first in range(0, len(left), fan_in):
            target = scratch / f"{passes}-{first}.jsonl"
            with target.open("wb") as stream:
                for one in merge_once(left[first : first + fan_in]):
                    stream.write(line_of(one))
            merged.append(target)
        left = merged
    yield from merge_once(left)


def _opened(path: Path, again: str) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file; {again}") from None
