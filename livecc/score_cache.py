"""The score cache: no item that was scored is ever scored again.

`{root}/{stage}/{fingerprint}/` holds append-only JSON-lines *segments*, one row per scored item:
`{"key": content key of the item, ...score columns}`. A job reads the segments of its own shard,
and, when something is still missing, those of the others (a re-sharded data set finds its scores);
it appends what it scores to a new segment of its own, flushed to disk after every batch. So there
is one writer a file, nothing is ever locked or rewritten, and a job killed at any instant loses at
most its last batch: a torn last record has no newline and is not read.

A row may say that the item failed; it is found like any other, because scoring the same content
the same way would fail again.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from livecc.errors import LiveccError
from livecc.files import BrokenFileError, read_lines

log = logging.getLogger(__name__)

#: Segments of other shards are read only up to this many bytes in all, so that the jobs of a large
#: data set do not each read the scores of the whole of it.
FOREIGN_BYTES = 256 * 2**20


class ScoreCache:
    """The rows of one stage and fingerprint, seen from one shard; a context manager."""

    def __init__(
        self,
        root: Path | str,
        stage: str,
        fingerprint: str,
        writer: str,
        *,
        look_everywhere: bool = False,
    ) -> None:
        """`look_everywhere`: look through all segments of other shards, however large they are."""
        self.folder = Path(root) / stage / fingerprint
        self.writer = writer
        self.look_everywhere = look_everywhere
        self._segment: IO[bytes] | None = None

    def find(self, keys: Collection[str]) -> dict[str, dict[str, Any]]:
        """The rows of those `keys` that were scored before."""
        wanted = set(keys)
        found: dict[str, dict[str, Any]] = {}
        if not wanted or not self.folder.is_dir():
            return found
        segments = sorted(self.folder.glob("*.jsonl"))
        own = [path for path in segments if path.name.rsplit(".", 2)[0] == self.writer]
        for path in own:
            self._read(path, wanted, found)
        budget = float("inf") if self.look_everywhere else FOREIGN_BYTES
        for path in segments:
            if len(found) == len(wanted):
                break
            if path in own:
                continue
            try:
                budget -= path.stat().st_size
            except FileNotFoundError:
                continue
            if budget < 0:
                log.info("%s: too large to look through for scores of other shards", self.folder)
                break
            self._read(path, wanted, found)
        return found

    def _read(self, path: Path, wanted: set[str], found: dict[str, dict[str, Any]]) -> None:
        try:
            for number, line in read_lines(path):
                try:
                    row = orjson.loads(line or b"")
                    key = row.pop("key")
                except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
                    # A torn record is the last one of a killed job; that batch is scored again.
                    log.warning("%s, line %d: not a whole score record, passed over", path, number)
                    continue
                if key in wanted:
                    found.setdefault(key, row)
        except BrokenFileError as error:
            log.warning("%s; the scores before that point are used", error)

    def append(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Add (key, row) pairs and make them durable.

        Raises LiveccError when the disk is full; what was appended before stays.
        """
        data = b"".join(
            orjson.dumps({"key": key, **row}, option=orjson.OPT_APPEND_NEWLINE) for key, row in rows
        )
        if not data:
            return
        try:
            if self._segment is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                name = f"{self.writer}.{secrets.token_hex(4)}.jsonl"
                self._segment = (self.folder / name).open("xb", buffering=0)
            _write_all(self._segment, data)
            os.fsync(self._segment.fileno())
        except OSError as error:
            raise LiveccError(
                f"{self.folder}: scores cannot be written ({error.strerror}); "
                "free some space and start again: scores written so far are kept"
            ) from None

    def close(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def __enter__(self) -> ScoreCache:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _write_all(stream: IO[bytes], data: bytes) -> None:
    """An unbuffered write may be short, on a disk that is filling up."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
