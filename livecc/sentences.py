"""Where the sentences of a transcript begin.

At the first word, and after a word that ends in `.`, `?` or `!` at a word whose first cased letter
is upper case ("default" mode) or which is upper case as a whole ("paper", as in the original).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from livecc.transcript_lines import ByteArray, IntArray, JsonWords

_ENDS = (".", "?", "!")

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


def sentence_starts(words: Sequence[str] | JsonWords, mode: str) -> BoolArray:
    """(n_words,) whether a sentence begins at the word."""
    starts = np.zeros(len(words), np.bool_)
    if not len(words):
        return starts
    if isinstance(words, JsonWords):
        # In UTF-8 the bytes of the three marks are theirs alone.
        last = words.last_bytes()[:-1]
        after = np.flatnonzero((last == ord(".")) | (last == ord("?")) | (last == ord("!"))) + 1
        candidates = _by_their_bytes(words, after, mode, starts)
    else:
        candidates = [n for n in range(1, len(words)) if words[n - 1].endswith(_ENDS)]
    begins = str.isupper if mode == "paper" else _begins_upper
    for candidate in candidates:
        starts[candidate] = begins(words[candidate])
    starts[0] = True
    return starts


def _by_their_bytes(words: JsonWords, after: IntArray, mode: str, starts: BoolArray) -> list[int]:
    """Mark in `starts` what two bytes tell of the words `after`; the words they do not tell of."""
    first, second = words.first_bytes(after)
    upper, lower = _is_letter(first, "AZ"), _is_letter(first, "az")
    if mode == "paper":
        # One letter is all of "I" and "A", which begin most clips; after it comes the quote.
        upper &= second == ord('"')
        lower |= _is_letter(second, "az")
    starts[after[upper]] = True
    return after[~(lower | upper)].tolist()


def _is_letter(byte: ByteArray, between: str) -> BoolArray:
    return (byte >= ord(between[0])) & (byte <= ord(between[1]))


def _begins_upper(word: str) -> bool:
    """Whether the first letter that has a case is upper case; quotes before it do not matter."""
    for letter in word:
        if letter.islower():
            return False
        if letter.isupper() or letter.istitle():
            return True
    return False
