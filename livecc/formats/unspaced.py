"""Scripts that are written without spaces between words, and how their units are joined.

The workflow's transcripts are lists of units: words, or segments of a text in Chinese, Japanese,
Thai, Lao, Khmer or Burmese. Models are given text as people write it, so no space is put between
two units of such scripts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Letters and marks of these scripts, as the inside of a class of a regular expression: Thai, Lao,
#: Myanmar, Khmer, kana, Han.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
#: Punctuation that brings its own space: full-width forms, corner brackets, ideographic stops.
_WIDE_MARKS = (
    "\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_LETTER = re.compile(f"[{UNSPACED}]")
# Kana and Han, beside which numbers stand without a space, too.
_CHARACTERS = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A space beside a wide mark, between a character and a number, or between two letters with nothing
# but punctuation around it. It depends on the two units beside the space alone, so a text may be
# joined in parts.
_NEEDLESS_SPACE = re.compile(
    rf"(?<=[{_WIDE_MARKS}]) | (?=[{_WIDE_MARKS}])"
    rf"|(?<=[{_CHARACTERS}]) (?=\d)|(?<=\d) (?=[{_CHARACTERS}])"
    rf"|([{UNSPACED}][^\w\s]*) (?=[^\w\s]*[{UNSPACED}])"
)
_PIECE = re.compile(rf"[{UNSPACED}] *|[^{UNSPACED} ]+ *| +")
_TWO_LETTERS = re.compile(f"[{UNSPACED}]{{2}}")


def has_unspaced(text: str) -> bool:
    """Whether any letter of the text is of a script without spaces."""
    return not text.isascii() and _LETTER.search(text) is not None


def join_units(units: Sequence[str]) -> str:
    """The units as one text: joined by spaces, except within scripts without spaces.

    No unit contains white space. For units of other scripts this is `" ".join(units)`.
    """
    return _NEEDLESS_SPACE.sub(r"\1", " ".join(units))


def joint(before: str, after: str) -> str:
    """What `join_units` puts between two units: a space or nothing."""
    if not after or not before:
        return " "
    if _TWO_LETTERS.match(before[-1] + after[0]):
        return ""
    return join_units((before, after))[len(before) : -len(after)]


def pieces_of(text: str) -> list[str]:
    """Where a text may be cut: its words, each with the space behind it, together the text.

    In a text with letters of scripts without spaces, each of those is a piece.
    """
    if has_unspaced(text):
        return _PIECE.findall(text)
    *words, last = text.split(" ")
    return [*(f"{word} " for word in words), last]
