"""Which bytes a file holds, and which values settings have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def values_digest(**parts: Any) -> str:
    """16 hexadecimal digits that identify JSON values, independent of the order of keys."""
    data = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=8).hexdigest()
