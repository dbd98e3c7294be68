"""Which items are in the score cache, as sorted arrays: for planning over thousands of shards.

A job looks its keys up in the rows (`ScoreCache.find`). A plan asks for all keys of all shards and
needs no rows. 64 bits of a key say which it is: among a million keys and a million others, two are
taken for one with a chance of 1 in 20 million.
"""

from __future__ import annotations

import binascii
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from livecc.score_cache import KEY_START, segments

log = logging.getLogger(__name__)

_KEY_DIGITS = 32
_BYTES = 8
_TYPE = "<u8"
# How the records of all stages go on after the key.
_OK = b'","status":"ok"'
_FAILED = b'","status":"failed"'


def pack(keys: Iterable[str]) -> Any:
    """The keys as an array of uint64, in their order.

    Keys of `livecc.fingerprint` are hashes and are cut short, any other key is hashed.
    """
    return np.frombuffer(b"".join(_packed(key.encode()) for key in keys), dtype=_TYPE)


def _packed(key: bytes) -> bytes:
    if len(key) == _KEY_DIGITS:
        try:
            return binascii.unhexlify(key)[:_BYTES]
        except binascii.Error:
            pass
    return hashlib.blake2b(key, digest_size=_BYTES).digest()


def _none() -> Any:
    return np.empty(0, dtype=_TYPE)


@dataclass(frozen=True)
class KeySet:
    """The keys of a fingerprint: sorted arrays of uint64, each key once.

    A key that has an `ok` row is in `ok` only.
    """

    ok: Any = field(default_factory=_none)
    failed: Any = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.ok) + len(self.failed)

    def found(self, keys: Sequence[str] | Any, *, retry_failed: bool = False) -> Any:
        """Whether each of `keys` (texts, or what `pack` made of them) is there: a bool array.

        It agrees with `ScoreCache.find`.
        """
        packed = keys if isinstance(keys, np.ndarray) else pack(keys)
        there = _member(self.ok, packed)
        return there if retry_failed else there | _member(self.failed, packed)

    def has_failed(self, keys: Sequence[str] | Any) -> Any:
        """Whether each of `keys` was scored and failed: a bool array."""
        return _member(self.failed, keys if isinstance(keys, np.ndarray) else pack(keys))


def _member(array: Any, keys: Any) -> Any:
    if not len(array):
        return np.zeros(len(keys), dtype=bool)
    places = np.searchsorted(array, keys)
    places[places == len(array)] = 0
    return array[places] == keys


def known_keys(root: Path | str, stage: str, fingerprint: str) -> KeySet:
    """All keys of a fingerprint; read it once per process, it reads every segment.

    Torn records are not counted.
    """
    ok, failed = bytearray(), bytearray()
    for path in segments(Path(root) / stage / fingerprint):
        _read(path, ok, failed)
    good, bad = _sorted(ok), _sorted(failed)
    return KeySet(good, bad[~_member(good, bad)])


def _sorted(packed: bytearray) -> Any:
    """The keys in order, each once; sorted in place (`numpy.unique` takes twice the memory)."""
    keys = np.frombuffer(packed, dtype=_TYPE)
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return keys[new]


def _read(path: Path, ok: bytearray, failed: bytearray) -> None:
    """Add the keys of a segment.

    A whole record with its status after the key, as all stages write it, is not parsed: key and
    status are cut out of it.
    """
    start, end = len(KEY_START), len(KEY_START) + _KEY_DIGITS
    try:
        with path.open("rb") as stream:
            for line in stream:
                if not line.startswith(KEY_START):
                    continue
                if line.endswith(b"}\n") and line.startswith(_OK, end):
                    ok += _packed(line[start:end])
                elif line.endswith(b"}\n") and line.startswith(_FAILED, end):
                    failed += _packed(line[start:end])
                else:
                    _parse(line, ok, failed)
    except OSError as error:
        log.warning("%s: cannot be read (%s); its scores do not count", path, error.strerror)


def _parse(line: bytes, ok: bytearray, failed: bytearray) -> None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    key = row["key"].encode()
    if row.get("status") == "failed":
        failed += _packed(key)
    else:
        ok += _packed(key)
