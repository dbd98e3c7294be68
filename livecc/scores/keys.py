"""The keys of a score cache as sorted arrays, for planning over thousands of shards.

A job looks up rows by key (`ScoreCache.find`). A plan looks up all keys of all shards and needs no
rows. Keys are truncated to 64 bits: between a million keys and a million others, the probability
of a collision is 1 in 20 million.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from livecc.scores.segments import KEY_DIGITS, read_keys, segments

_BYTES = 8
_TYPE = "<u8"


def pack(keys: Iterable[str]) -> Any:
    """The keys as an array of uint64, in their order.

    Keys of `livecc.scores.fingerprint` are hashes and are truncated; other keys are hashed.
    """
    return np.frombuffer(_packed([key.encode() for key in keys]), dtype=_TYPE)


def _packed(keys: Sequence[bytes]) -> bytes:
    if all(len(key) == KEY_DIGITS for key in keys):
        try:
            # 16 bytes a key, of which the first 8 are used.
            return np.frombuffer(binascii.unhexlify(b"".join(keys)), _TYPE)[::2].tobytes()
        except binascii.Error:
            pass
    return b"".join(map(_packed_key, keys))


def _packed_key(key: bytes) -> bytes:
    if len(key) == KEY_DIGITS:
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
        """Whether each of `keys` (strings, or the result of `pack`) is cached: a bool array.

        Consistent with `ScoreCache.find`.
        """
        packed = keys if isinstance(keys, np.ndarray) else pack(keys)
        there = _member(self.ok, packed)
        return there if retry_failed else there | _member(self.failed, packed)


def _member(array: Any, keys: Any) -> Any:
    if not len(array):
        return np.zeros(len(keys), dtype=bool)
    places = np.searchsorted(array, keys)
    places[places == len(array)] = 0
    return array[places] == keys


def known_keys(root: Path | str, stage: str, fingerprint: str) -> KeySet:
    """All keys of a fingerprint; expensive, because it reads every segment.

    Truncated records are not counted.
    """
    ok, failed = bytearray(), bytearray()
    for path in segments(Path(root) / stage / fingerprint):
        for good_keys, bad_keys in read_keys(path):
            ok += _packed(good_keys)
            failed += _packed(bad_keys)
    good, bad = _sorted(ok), _sorted(failed)
    return KeySet(good, bad[~_member(good, bad)])


def _sorted(packed: bytearray) -> Any:
    """The sorted distinct keys; sorts in place (`numpy.unique` takes twice the memory)."""
    keys = np.frombuffer(packed, dtype=_TYPE)
    keys.sort()
    new = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return keys[new]
