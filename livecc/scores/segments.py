"""The lines of a segment, the append-only file of the score cache.

The first line says which software made it (`{"software": {...}}`). Then comes one line per scored
item (`{"key": ..., "status": ..., ...}`), and last, if the job was not killed before, one about the
job (`{"job": {...}}`). A process killed while writing leaves a last line without a newline.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger(__name__)

#: Hexadecimal digits of the keys that `livecc.scores.fingerprint` makes.
KEY_DIGITS = 32
# Keys are hexadecimal digits: none needs an escape.
_KEY_START = b'{"key":"'
_JOB_START = b'{"job":'
# What follows the key in the records of all stages.
_OK = b'","status":"ok"'
_FAILED = b'","status":"failed"'
_TOKEN = re.compile(r"[0-9a-f]{17}")
_TAIL_BYTES = 8_192
_KEYS_PER_BATCH = 65_536


# --- files ---------------------------------------------------------------------------------------


def segments(folder: Path) -> list[Path]:
    """The segments of a fingerprint's folder, from the oldest to the newest of each shard."""
    return sorted(folder.glob("*.jsonl"))


def segment_name(writer: str) -> str:
    """Its middle part is the time in milliseconds and something random, in hexadecimal digits."""
    return f"{writer}.{time.time_ns() // 10**6:011x}{secrets.token_hex(3)}.jsonl"


def begun(segment: Path) -> float:
    """When a segment was begun, in seconds since 1970, by its name: a copy has the same."""
    token = segment.name.rsplit(".", 2)[-2]
    return int(token[:11], 16) / 1000 if _TOKEN.fullmatch(token) else segment.stat().st_mtime


# --- writing -------------------------------------------------------------------------------------


def _line(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def software_line(versions: Mapping[str, str | None]) -> bytes:
    return _line({"software": versions})


def row_line(key: str, row: Mapping[str, Any]) -> bytes:
    return _line({"key": key, **row})


def job_line(figures: Mapping[str, Any]) -> bytes:
    return _line({"job": figures})


# --- reading -------------------------------------------------------------------------------------


def is_failed(row: Mapping[str, Any]) -> bool:
    return row.get("status") == "failed"


def read_rows(path: Path, wanted: Collection[bytes], found: dict[str, dict[str, Any]]) -> None:
    """Add the rows of `wanted` keys to `found`.

    The latest row counts, so that it does not matter in which order jobs look; but a failed one
    never replaces one that is not. Other rows are passed over without being parsed, so that a job
    can look through the scores of all shards: a million in about a second.
    """
    start = len(_KEY_START)
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.startswith(_KEY_START):
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
    if not (key in found and is_failed(row) and not is_failed(found[key])):
        found[key] = row


def read_keys(path: Path) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """(keys of records that are ok, keys of failed ones) of a segment, in batches.

    Torn records are passed over. A complete record with its status right after the key, as all
    stages write it, is not parsed: key and status are cut out of it.
    """
    start, end = len(_KEY_START), len(_KEY_START) + KEY_DIGITS
    ok: list[bytes] = []
    failed: list[bytes] = []
    try:
        with path.open("rb") as stream:
            for line in stream:
                if not line.startswith(_KEY_START):
                    continue
                complete = line.endswith(b"}\n")
                if complete and line.startswith(_OK, end):
                    ok.append(line[start:end])
                elif complete and line.startswith(_FAILED, end):
                    failed.append(line[start:end])
                else:
                    try:
                        row = orjson.loads(line)
                    except orjson.JSONDecodeError:
                        continue
                    (failed if is_failed(row) else ok).append(row["key"].encode())
                if len(ok) + len(failed) >= _KEYS_PER_BATCH:
                    yield ok, failed
                    ok, failed = [], []
    except OSError as error:
        log.warning("%s: cannot be read (%s); its scores do not count", path, error.strerror)
    yield ok, failed


def read_job(path: Path) -> dict[str, Any] | None:
    """The figures of a segment's job (scored, seconds, load_seconds, ...); None without any."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
            line = stream.read().rstrip(b"\n").rsplit(b"\n", 1)[-1]
        if not line.startswith(_JOB_START):
            return None
        job: dict[str, Any] = orjson.loads(line)["job"]
        sound = all(
            isinstance(job[name], int | float) for name in ("scored", "seconds", "load_seconds")
        )
        return job if sound else None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None


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
