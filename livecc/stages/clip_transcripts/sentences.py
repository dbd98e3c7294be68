"""Where the sentences of a transcript begin.

In "default" mode a sentence ends with a stop of any script, also inside closing quotes or brackets
("he said.”"), and the next begins at a word whose first letter is no lower-case one: scripts
without case need no capital. In "paper" mode, as in the original, it ends in `.`, `?` or `!`, and
begins at a word that is upper case as a whole. The first word of a transcript always begins one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from livecc.stages.clip_transcripts.lines import ByteArray, IntArray, JsonWords

_PAPER_STOPS = (".", "?", "!")
# Full stops, question and exclamation marks of Latin, CJK, Arabic, Urdu, Indic, Armenian, Burmese,
# Ethiopic and Khmer script, and the ellipsis.
_STOPS = (*_PAPER_STOPS, *"…‽。．｡！？؟۔।॥։။፧።៕")
# Unicode categories of quotes and brackets that close. Some languages close with what others open
# with: „so“, »so«.
_CLOSING = frozenset({"Pe", "Pf", "Pi"})
_QUOTES = frozenset("\"'")
# Last bytes that may belong to a closing quote or bracket; so may an escape and all above ASCII.
_MAYBE_CLOSING = np.zeros(256, np.bool_)
_MAYBE_CLOSING[[0, *b")]}'"]] = True
_MAYBE_CLOSING[0x80:] = True

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


def sentence_starts(words: Sequence[str] | JsonWords, mode: str) -> BoolArray:
    """(n_words,) whether a sentence begins at each word."""
    starts = np.zeros(len(words), np.bool_)
    if not len(words):
        return starts
    paper = mode == "paper"
    if isinstance(words, JsonWords):
        # In UTF-8 these three bytes occur in no other character.
        last = words.last_bytes()[:-1]
        ends = (last == ord(".")) | (last == ord("?")) | (last == ord("!"))
        if not paper:
            unsure = np.flatnonzero(_MAYBE_CLOSING[last])
            ends[unsure] = [_ends_sentence(words[n]) for n in unsure.tolist()]
        candidates = _by_their_bytes(words, np.flatnonzero(ends) + 1, mode, starts)
    else:
        ends_sentence = _ends_in_paper if paper else _ends_sentence
        candidates = [n for n in range(1, len(words)) if ends_sentence(words[n - 1])]
    begins = str.isupper if paper else _begins_sentence
    for candidate in candidates:
        starts[candidate] = begins(words[candidate])
    starts[0] = True
    return starts


def _ends_in_paper(word: str) -> bool:
    return word.endswith(_PAPER_STOPS)


def _ends_sentence(word: str) -> bool:
    for letter in reversed(word):
        if letter not in _QUOTES and unicodedata.category(letter) not in _CLOSING:
            return letter in _STOPS
    return False


def _by_their_bytes(words: JsonWords, after: IntArray, mode: str, starts: BoolArray) -> list[int]:
    """Set `starts` for the words `after` that two bytes decide; returns the undecided words."""
    first, second = words.first_bytes(after)
    upper, lower = _is_letter(first, "AZ"), _is_letter(first, "az")
    if mode == "paper":
        # A single letter and the closing quote: "I" and "A", which begin most clips.
        upper &= second == ord('"')
        lower |= _is_letter(second, "az")
    starts[after[upper]] = True
    return after[~(lower | upper)].tolist()


def _is_letter(byte: ByteArray, between: str) -> BoolArray:
    return (byte >= ord(between[0])) & (byte <= ord(between[1]))


def _begins_sentence(word: str) -> bool:
    """Whether the first letter is upper case or has no case; quotes before it are ignored."""
    for letter in word:
        if letter.isalpha():
            return not letter.islower()
    return False
