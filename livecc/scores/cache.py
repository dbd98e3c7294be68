"""The score cache: an item is never scored twice.

`{root}/{stage}/{fingerprint}/` holds append-only JSON-lines *segments*, one row per scored item:
`{"key": content key of the item, ...score columns}`. A job reads the segments of its own shard
and, if items are still missing, those of all others (so a re-sharded data set finds its scores);
it appends new scores to a segment of its own, flushed to disk after every batch. Each file has one
writer, nothing is ever rewritten, and a killed job loses at most its last batch: a truncated last
record has no newline and is not read.

A failed row is a hit like any other, because scoring the same content the same way would fail
again; `retry_failed` changes that. An `ok` row always takes precedence over a failed one.

`settings.json` says what the fingerprint stands for, and
`locks/` keeps jobs of one shard apart (`livecc.scores.writer_lock`).
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.scores.segments import (
    is_failed,
    job_line,
    read_rows,
    row_line,
    segment_name,
    segments,
    software_line,
)
from livecc.scores.writer_lock import WriterLock
from livecc.software import versions_of

log = logging.getLogger(__name__)

SETTINGS_FILE = "settings.json"
LOCKS_FOLDER = "locks"


class ScoreCache:
    """The rows of one stage and fingerprint, for one shard; a context manager."""

    def __init__(
        self,
        root: Path | str,
        stage: str,
        fingerprint: str,
        writer: str,
        *,
        settings: Mapping[str, Any] | None = None,
        packages: tuple[str, ...] = (),
    ) -> None:
        """`settings`: the input of the fingerprint. `packages`: those whose versions are recorded
        with the scores.
        """
        self.folder = Path(root) / stage / fingerprint
        self.stage = stage
        self.writer = writer
        self.settings = settings
        self.packages = packages
        self._lock: WriterLock | None = None
        self._segment: IO[bytes] | None = None
        self._broken = False

    def find(
        self, keys: Collection[str], *, retry_failed: bool = False
    ) -> dict[str, dict[str, Any]]:
        """The rows of those `keys` that were scored before.

        With `retry_failed`, failed rows count as missing. If keys are missing inside the context
        manager, the shard is locked until it exits: if another job is scoring the shard, this
        waits for that job and looks again.
        """
        before = self._state()
        found = self._look(keys, retry_failed)
        if self._lock is None or len(found) == len(set(keys)):
            return found
        self._make_folder(self.folder / LOCKS_FOLDER)
        self._lock.acquire(f"scores {self.stage} of {self.writer}")
        return found if self._state() == before else self._look(keys, retry_failed)

    def _look(self, keys: Collection[str], retry_failed: bool) -> dict[str, dict[str, Any]]:
        own, foreign = self._segments()
        found: dict[str, dict[str, Any]] = {}
        wanted = {key.encode() for key in keys}
        for path in own:
            read_rows(path, wanted, found)
        # A failed item was perhaps scored by another shard's job.
        missing = _missing(wanted, found)
        others: dict[str, dict[str, Any]] = {}
        for path in foreign:
            if not missing:
                break
            read_rows(path, missing, others)
            missing = _missing(missing, others)
        for key, row in others.items():
            if key not in found or not is_failed(row):
                found[key] = row
        if retry_failed:
            return {key: row for key, row in found.items() if not is_failed(row)}
        return found

    def _segments(self) -> tuple[list[Path], list[Path]]:
        """The segments of this shard and of the others, each from the oldest to the newest."""
        own: list[Path] = []
        foreign: list[Path] = []
        for path in segments(self.folder):
            (own if path.name.rsplit(".", 2)[0] == self.writer else foreign).append(path)
        return own, foreign

    def _state(self) -> list[tuple[str, int]]:
        """A value that changes when another job of this shard appends rows."""
        state = []
        for path in self._segments()[0]:
            with contextlib.suppress(FileNotFoundError):
                state.append((path.name, path.stat().st_size))
        return state

    def append(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Append (key, row) pairs durably.

        Raises LiveccError when the disk is full; earlier rows are kept.
        """
        data = b"".join(row_line(key, row) for key, row in rows)
        if data:
            self._append(data)

    def record_job(self, **figures: Any) -> None:
        """Write the job's statistics as the last line of its segment, if it scored anything.

        `livecc.scores.throughput` reads `scored`, `failed`, `load_seconds`, `seconds` (of scoring,
        without loading) and `device`.
        """
        if self._segment is None or self._broken:
            return
        try:
            self._append(job_line(figures))
        except LiveccError as error:
            # The scores are written; only estimates lack this job.
            log.warning("%s", error)

    def _append(self, data: bytes) -> None:
        whole = 0
        try:
            if self._broken:
                raise LiveccError(f"{self.folder}: an earlier write failed; restart")
            if self._segment is None:
                self._make_folder(self.folder)
                self._write_settings()
                name = segment_name(self.writer)
                self._segment = (self.folder / name).open("xb", buffering=0)
                # In one write with the first scores, so that none are there without it.
                data = software_line(versions_of(self.packages)) + data
            whole = os.fstat(self._segment.fileno()).st_size
            _write_all(self._segment, data)
            os.fsync(self._segment.fileno())
        except OSError as error:
            self._cut(whole)
            raise LiveccError(
                f"{self.folder}: scores cannot be written ({error.strerror}); "
                "free some space and restart: scores written so far are kept"
            ) from None

    def _cut(self, size: int) -> None:
        """Remove the partial output of a batch that could not be written."""
        self._broken = True
        if self._segment is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._segment.fileno(), size)
                if not size:
                    Path(self._segment.name).unlink()

    def _write_settings(self) -> None:
        """Record the settings behind the fingerprint, if not done yet."""
        path = self.folder / SETTINGS_FILE
        if self.settings is not None and not path.exists():
            write_json(
                path,
                {
                    "stage": self.stage,
                    "fingerprint": self.folder.name,
                    "settings": dict(self.settings),
                },
            )

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LiveccError(
                f"{folder}: the score cache cannot be written ({error.strerror})"
            ) from None

    def close(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> ScoreCache:
        self._lock = WriterLock(self.folder / LOCKS_FOLDER / self.writer)
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _missing(wanted: Collection[bytes], found: Mapping[str, Mapping[str, Any]]) -> set[bytes]:
    done = {key.encode() for key, row in found.items() if not is_failed(row)}
    return {key for key in wanted if key not in done}


def _write_all(stream: IO[bytes], data: bytes) -> None:
    """Unbuffered writes may be short when the disk is nearly full."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
