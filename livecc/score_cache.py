"""The score cache: no item that was scored is ever scored again.

`{root}/{stage}/{fingerprint}/` holds append-only JSON-lines *segments*, one row per scored item:
`{"key": content key of the item, ...score columns}`. A job reads the segments of its own shard,
and, when something is still missing, those of the others (a re-sharded data set finds its scores);
it appends what it scores to a new segment of its own, flushed to disk after every batch. So there
is one writer a file, nothing is ever rewritten, and a job killed at any instant loses at most its
last batch: a torn last record has no newline and is not read.

A row may say that the item failed; it is found like any other, because scoring the same content
the same way would fail again. On request it is not; an `ok` row always wins over a failed one.

The first line of a segment says with which software it was made (`{"software": {...}}`), its last
line how the job went (`{"job": {...}}`). `settings.json` says what the fingerprint stands for, and
`locks/` keeps jobs of one shard apart (`livecc.writer_lock`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import orjson

from livecc.errors import LiveccError
from livecc.files import write_json
from livecc.software import versions_of
from livecc.writer_lock import WriterLock

log = logging.getLogger(__name__)

SETTINGS_FILE = "settings.json"
LOCKS_FOLDER = "locks"
#: How a segment's last line begins, when its job lived to write it.
JOB_START = b'{"job":'
#: How every record begins (keys are hexadecimal digits; none needs an escape).
KEY_START = b'{"key":"'
_TOKEN = re.compile(r"[0-9a-f]{17}")


class ScoreCache:
    """The rows of one stage and fingerprint, seen from one shard; a context manager."""

    def __init__(
        self,
        root: Path | str,
        stage: str,
        fingerprint: str,
        writer: str,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """`settings`: the parts that the fingerprint was made from."""
        self.folder = Path(root) / stage / fingerprint
        self.stage = stage
        self.writer = writer
        self.settings = settings
        self._lock: WriterLock | None = None
        self._segment: IO[bytes] | None = None
        self._broken = False

    def find(
        self, keys: Collection[str], *, retry_failed: bool = False
    ) -> dict[str, dict[str, Any]]:
        """The rows of those `keys` that were scored before.

        With `retry_failed`, a row that says the item failed counts as none. When keys are missing
        inside the context manager, the shard is locked until its end: if another job scores it at
        this time, this waits for that job and then looks again.
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
            _read(path, wanted, found)
        # A failed item was perhaps scored by another shard's job.
        missing = _missing(wanted, found)
        others: dict[str, dict[str, Any]] = {}
        for path in foreign:
            if not missing:
                break
            _read(path, missing, others)
            missing = _missing(missing, others)
        for key, row in others.items():
            if key not in found or not _failed(row):
                found[key] = row
        if retry_failed:
            return {key: row for key, row in found.items() if not _failed(row)}
        return found

    def _segments(self) -> tuple[list[Path], list[Path]]:
        """The segments of this shard and of the others, each from the oldest to the newest."""
        own: list[Path] = []
        foreign: list[Path] = []
        for path in segments(self.folder):
            (own if path.name.rsplit(".", 2)[0] == self.writer else foreign).append(path)
        return own, foreign

    def _state(self) -> list[tuple[str, int]]:
        """What changes when another job of this shard appends something."""
        state = []
        for path in self._segments()[0]:
            with contextlib.suppress(FileNotFoundError):
                state.append((path.name, path.stat().st_size))
        return state

    def append(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Add (key, row) pairs and make them durable.

        Raises LiveccError when the disk is full; what was appended before stays.
        """
        data = b"".join(_line({"key": key, **row}) for key, row in rows)
        if data:
            self._append(data)

    def record_job(self, **figures: Any) -> None:
        """Say how the job went, as the last line of its segment; nothing when it scored nothing.

        `livecc.throughput` reads `scored`, `failed`, `load_seconds`, `seconds` (of scoring, without
        loading), `device` and `units` (what else was counted, such as tokens or seconds of sound).
        """
        if self._segment is None or self._broken:
            return
        try:
            self._append(_line({"job": figures}))
        except LiveccError as error:
            # The scores are there; estimates go without this job.
            log.warning("%s", error)

    def _append(self, data: bytes) -> None:
        whole = 0
        try:
            if self._broken:
                raise LiveccError(f"{self.folder}: an earlier write failed; start again")
            if self._segment is None:
                self._make_folder(self.folder)
                self._write_settings()
                name = _segment_name(self.writer)
                self._segment = (self.folder / name).open("xb", buffering=0)
                # In one write with the first scores, so that none are there without it.
                data = _line({"software": versions_of(self.stage)}) + data
            whole = os.fstat(self._segment.fileno()).st_size
            _write_all(self._segment, data)
            os.fsync(self._segment.fileno())
        except OSError as error:
            self._cut(whole)
            raise LiveccError(
                f"{self.folder}: scores cannot be written ({error.strerror}); "
                "free some space and start again: scores written so far are kept"
            ) from None

    def _cut(self, size: int) -> None:
        """Take back what is there of a batch that could not be written."""
        self._broken = True
        if self._segment is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._segment.fileno(), size)
                if not size:
                    Path(self._segment.name).unlink()

    def _write_settings(self) -> None:
        """Whoever comes first says what the fingerprint stands for."""
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


def segments(folder: Path) -> list[Path]:
    """The segments of a fingerprint's folder, from the oldest to the newest of each shard."""
    return sorted(folder.glob("*.jsonl"))


def _segment_name(writer: str) -> str:
    """Its middle part is the time in milliseconds and something random, in hexadecimal digits."""
    return f"{writer}.{time.time_ns() // 10**6:011x}{secrets.token_hex(3)}.jsonl"


def begun(segment: Path) -> float:
    """When a segment was begun, in seconds since 1970, by its name: a copy has the same."""
    token = segment.name.rsplit(".", 2)[-2]
    return int(token[:11], 16) / 1000 if _TOKEN.fullmatch(token) else segment.stat().st_mtime


def software_of(folder: Path) -> dict[str, list[str]]:
    """Package -> the versions that the scores in a fingerprint's folder were made with."""
    versions: dict[str, set[str]] = {}
    for path in segments(folder):
        try:
            with path.open("rb") as stream:
                line = stream.readline()
            if not line.endswith(b"\n"):
                # Its job was killed before it had written a score.
                continue
            software = orjson.loads(line)["software"]
            for package, version in software.items():
                versions.setdefault(package, set()).add(version)
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            log.warning("%s: does not say with which software it was made", path)
    return {package: sorted(versions[package]) for package in sorted(versions)}


def _line(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _read(path: Path, wanted: Collection[bytes], found: dict[str, dict[str, Any]]) -> None:
    """Add the rows of `wanted` keys to `found`.

    The latest row counts, so that it does not matter in which order jobs look; but a failed one
    never replaces one that is not. Other rows are passed over without being parsed, so that a job
    can look through the scores of all shards: a million in about a second.
    """
    start = len(KEY_START)
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.startswith(KEY_START):
                    key = line[start : line.find(b'"', start)]
                    if key in wanted:
                        _take(path, line, found)
    except OSError as error:
        log.warning("%s: cannot be read (%s); its scores are not used", path, error.strerror)


def _take(path: Path, line: bytes, found: dict[str, dict[str, Any]]) -> None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        # A torn record is the last one of a killed job; that batch is scored again.
        log.warning("%s: ends in half a record, passed over", path)
        return
    key = row.pop("key")
    if not (key in found and _failed(row) and not _failed(found[key])):
        found[key] = row


def _missing(wanted: Collection[bytes], found: Mapping[str, Mapping[str, Any]]) -> set[bytes]:
    done = {key.encode() for key, row in found.items() if not _failed(row)}
    return {key for key in wanted if key not in done}


def _failed(row: Mapping[str, Any]) -> bool:
    return row.get("status") == "failed"


def _write_all(stream: IO[bytes], data: bytes) -> None:
    """An unbuffered write may be short, on a disk that is filling up."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]
