"""The two parts of a score cache key: what is scored, and how.

A stage's fingerprint covers everything that can change its numbers: scorer version, model weights,
prompt text, numeric options. It does not cover batch sizes, paths or devices.
"""

from __future__ import annotations

import hashlib
from typing import Any

from livecc.files.digests import values_digest

KEY_BYTES = 16


def fingerprint(**parts: Any) -> str:
    """16 hexadecimal digits that identify a stage's settings, independent of key order."""
    return values_digest(**parts)


def content_key(*parts: str | None) -> str:
    """32 hexadecimal digits that identify an item by its content.

    Parts are length-prefixed, so that ("ab", "c") and ("a", "bc") differ; None differs from "".
    """
    return PrefixHash().key(*parts)


class PrefixHash:
    """Hashes a growing text incrementally, for keys of items that consist of it and more parts.

    A clip's key covers all words before it; rehashing them for every clip would take time
    quadratic in the length of a video.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=KEY_BYTES)

    def update(self, text: str) -> None:
        """Append to the growing text."""
        self._hash.update(text.encode("utf-8", "surrogatepass"))

    def key(self, *parts: str | None) -> str:
        """The key of the text so far followed by `parts`."""
        digest = self._hash.copy()
        for part in parts:
            data = b"" if part is None else part.encode("utf-8", "surrogatepass")
            digest.update(b"\0%d:" % (-1 if part is None else len(data)))
            digest.update(data)
        return digest.hexdigest()
