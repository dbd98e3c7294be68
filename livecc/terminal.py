"""Text for a terminal: what a data set says, and counts of things."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with U+FFFD for what would move the cursor, change colours or end the line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in text)


def count(number: int, noun: str) -> str:
    """`number` and `noun`, which is plural for all numbers but one."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
