"""Text of a data set, made fit for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with U+FFFD for what would move the cursor, change colours or end the line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in text)
