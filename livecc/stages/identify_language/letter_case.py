"""Captions in capitals, which classifiers take for another language."""

from __future__ import annotations

from string import ascii_lowercase

_SMALL = ascii_lowercase.encode()


def without_capitals(text: str) -> str:
    """`text` in small letters if most of its letters are capitals, otherwise as it is.

    Letters of scripts without case count as neither.
    """
    # Almost all texts end here, which takes a hundredth of the time of counting capitals.
    data = text.encode("utf-8", "replace")
    if 2 * len(data.translate(None, _SMALL)) <= len(data):
        return text
    capitals = sum(map(str.isupper, text))
    return text.lower() if 2 * capitals > capitals + sum(map(str.islower, text)) else text
