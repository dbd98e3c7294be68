"""Checks of what an archive holds, while its bytes come: each line is parsed before it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

import orjson

from livecc.declaration import TableStage
from livecc.files.json_values import is_deep
from livecc.files.limits import MAX_INPUT_LINE_BYTES
from livecc.scores.cache import SETTINGS_FILE
from livecc.scores.folders import SPENDING_FOLDER
from livecc.stages.catalogue import catalogue_for

_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "int32": int,
    "int64": int,
    "float64": (int, float),
    "bool": bool,
}


class UnsoundError(Exception):
    """What of a file is not of a score cache."""


class LineCheck:
    """Checks the lines of a file of a score cache; at most one line is in memory.

    `name`: its path in the cache. Settings are one JSON object on several lines.
    """

    def __init__(self, name: str) -> None:
        path = PurePath(name)
        self._name = path.name
        self._whole = path.name == SETTINGS_FILE
        self._sound: Callable[[Mapping[str, Any]], bool]
        if self._whole:
            self._sound = partial(_are_settings, stage=path.parts[0], fingerprint=path.parts[1])
        elif path.parent.name == SPENDING_FOLDER:
            self._sound = _is_spending
        else:
            self._sound = partial(_is_of_segment, columns=_columns(path.parts[0]))
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._number = 1

    def take(self, piece: bytes) -> None:
        """Check the lines that end in `piece`. Raises UnsoundError."""
        if not self._whole and b"\n" in piece:
            *lines, piece = (b"".join(self._open) + piece).split(b"\n")
            for line in lines:
                self._check(line)
                self._number += 1
            self._open, self._open_bytes = [], 0
        self._open.append(piece)
        self._open_bytes += len(piece)
        if self._open_bytes > MAX_INPUT_LINE_BYTES:
            raise UnsoundError(f"{self._name}, line {self._number}: too long")

    def end(self) -> None:
        """Check the end of the file. Raises UnsoundError."""
        if self._whole:
            self._check(b"".join(self._open))
        elif self._open_bytes:
            raise UnsoundError(f"{self._name}: ends in half a line")

    def _check(self, line: bytes) -> None:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if not isinstance(record, dict) or is_deep(record) or not self._sound(record):
            raise UnsoundError(f"{self._name}, line {self._number}: not of a score cache")


def _columns(stage: str) -> Mapping[str, str]:
    """Column -> type in the table of a stage; empty for one that is not known here."""
    found = catalogue_for({}).stages.get(stage)
    return found.columns if isinstance(found, TableStage) else {}


def _is_of_segment(record: Mapping[str, Any], columns: Mapping[str, str]) -> bool:
    """See livecc.scores.segments."""
    if "key" not in record:
        return len(record) == 1 and isinstance(record.get("software", record.get("job")), dict)
    key = record["key"]
    return (
        isinstance(key, str)
        and key.isascii()
        and key.isprintable()
        and not {'"', "\\"} & set(key)
        and record.get("status") in ("ok", "failed")
        and isinstance(record.get("reason"), str | None)
        and all(_is_of(record.get(name), kind) for name, kind in columns.items())
    )


def _is_of(value: Any, kind: str) -> bool:
    if value is None:
        return True
    fits = isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
    return fits and (kind != "int32" or bool(-(2**31) <= value < 2**31))


def _is_spending(record: Mapping[str, Any]) -> bool:
    """Whether it is of the spending that a stage stores next to the answers it pays for."""
    amounts = ("reserved",) if "reserved" in record else ("cost", "input_tokens", "output_tokens")
    numbers = [record.get(name) for name in ("request", *amounts)]
    return all(isinstance(n, int | float) and n >= 0 for n in numbers)


def _are_settings(record: Mapping[str, Any], *, stage: str, fingerprint: str) -> bool:
    return (
        record.get("stage") == stage
        and record.get("fingerprint") == fingerprint
        and isinstance(record.get("settings"), dict)
    )
