"""The ids that info files hold, each read once.

An id decides the shard of a video, so it is needed before anything is read. yt-dlp writes it first,
so the first bytes of a file are enough. What was read is kept in files beside the results, one for
each piece of the scan: (path, size, time, id) of the files that are there now.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic
from livecc.files.lines import read_lines
from livecc.sources.opening import read_file
from livecc.sources.record import UnreadableError, id_problem

_BEGINNING = 4096
_ID = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.){1,1000}")')
# Readers wait for the disk or the network, not for the processor.
_READERS = 16

#: (path of an info file, its size, its time in nanoseconds)
InfoFile = tuple[str, int, int]


def read_ids(
    files: Sequence[InfoFile], kept: Path | None, *, keep: bool = True
) -> dict[str, str | None]:
    """The id in each info file by its path; None where it has none that can be used.

    `kept`: the file with what was read before, written anew, with `keep`, if anything has
    changed.
    """
    known = {} if kept is None else _read_kept(kept)
    ids: dict[str, str | None] = {}
    unread: list[InfoFile] = []
    for file in files:
        path, size, modified = file
        entry = known.get(path)
        if entry is not None and entry[:2] == (size, modified):
            ids[path] = entry[2]
        else:
            unread.append(file)
    if unread:
        paths = [file[0] for file in unread]
        if len(paths) < _READERS:
            found = list(map(id_in, paths))
        else:
            with ThreadPoolExecutor(_READERS) as pool:
                found = list(pool.map(id_in, paths, chunksize=16))
        ids.update(zip(paths, found, strict=True))
    if keep and kept is not None and (unread or len(known) != len(files)):
        with open_atomic(kept) as stream:
            for path, size, modified in sorted(files):
                stream.write(orjson.dumps([path, size, modified, ids[path]]) + b"\n")
    return ids


def id_in(path: str) -> str | None:
    """The id that an info file holds; None if it cannot be read or has none that can be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = _ID.match(os.read(descriptor, _BEGINNING))
        finally:
            os.close(descriptor)
        if found:
            name = orjson.loads(found[1])
        else:
            # Made by other programs, such as jq --sort-keys.
            value = orjson.loads(read_file(path))
            name = value.get("id") if isinstance(value, dict) else None
    except (OSError, UnreadableError, orjson.JSONDecodeError):
        return None
    return None if id_problem(name) else name


def _read_kept(path: Path) -> dict[str, tuple[int, int, str | None]]:
    known: dict[str, tuple[int, int, str | None]] = {}
    if path.exists():
        try:
            for _, line in read_lines(path, own=True):
                name, size, modified, found = orjson.loads(line or b"")
                known[name] = (size, modified, found)
        except (LiveccError, ValueError, TypeError):
            # Damaged: what is missing is read again.
            return known
    return known
