"""Timed words from caption lines.

A caption line shows several words for some time, which is divided between them: evenly, as the
original pipeline does, or by their length. The lines of many videos are processed at once, as one
text with index arrays: creating a string per word would take longer than everything else together.
The functions here do not depend on videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from livecc.formats.records import SpacedWords

# Above this value, x * 10 has no fraction bit for a half.
_MAX_EXACT_TENTHS = 2.0**52
# Veltkamp's constant for doubles: splits a number into two halves of at most 26 bits.
_SPLITTER = 2.0**27 + 1

# A word takes the time of its characters and of this many more; and of so many more when it ends
# with a mark, after which speakers pause. Tried on 24,553 real words with known times, in lines of
# 42 characters: starts are off by 0.24 s on average (median 0.14) when words share evenly, by 0.21
# (0.12) with the characters, by 0.16 (0.08) with the marks, too.
_CHARACTERS_PER_WORD = 2
_PAUSES = {",;:": 6, ".?!": 10}
_PAUSE_AFTER = np.zeros(256, np.int64)
for _marks, _pause in _PAUSES.items():
    _PAUSE_AFTER[list(_marks.encode())] = _pause

_SPACE = ord(" ")
# White space of str.split() other than the space: of one byte in UTF-8, and of several.
_SHORT_SPACES = b"\t\n\v\f\r\x1c\x1d\x1e\x1f"
_WIDE_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_TO_SPACE = bytes.maketrans(_SHORT_SPACES, b" " * len(_SHORT_SPACES))

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class TimedWords(NamedTuple):
    """Words of many caption lines, line after line.

    `text`: the words in UTF-8, each followed by a space. `first_byte`: (n_words + 1,) offset of
    each word in it, and its length. `start`, `end`: (n_words,) seconds, rounded to 0.1 s.
    `per_line`: (n_lines,) number of words in each line.
    """

    text: bytes
    first_byte: IntArray
    start: FloatArray
    end: FloatArray
    per_line: IntArray

    def words(self, first: int, last: int) -> SpacedWords:
        """The words [first, last)."""
        # Without the space after the last word; zero words have none.
        end = self.first_byte[last] - (last > first)
        return SpacedWords(self.text[self.first_byte[first] : end], last - first)


def time_words(
    texts: Sequence[str],
    start: FloatArray,
    end: FloatArray,
    *,
    empty_words: bool,
    drop_repeated: bool,
    by_length: bool,
    segmented: Sequence[int] = (),
) -> TimedWords:
    """Split caption lines into words and give each its share of the line's time.

    `texts`, `start`, `end`: one per line, times in seconds. With `drop_repeated`, a word equal to
    the previous word of the line is dropped. A word lasts from the end of the words before it in
    its line to the sum of their shares and its own, rounded to 0.1 s. All words of a line have the
    same share or, with `by_length`, that of their characters, 2 more, and 6 or 10 for the pause
    behind a comma or a stop; in the lines `segmented` (rising indices), where words are segments of
    a text without spaces, that of their characters alone. With `empty_words`, a line is split at
    every single space, so a double space makes an empty word and an empty line is one empty word
    (as in the original pipeline). Otherwise it is split at runs of white space, and a line may have
    no words.
    """
    text, first_byte, per_line = _split(texts, empty_words=empty_words, drop_repeated=drop_repeated)
    n_words = len(first_byte) - 1
    ends = np.cumsum(per_line)
    if by_length:
        # (n_words + 1,): what the words before this one count, over all lines.
        before = _lengths_before(text, first_byte, per_line, segmented)
        at_line = before[ends - per_line]
        total = before[ends] - at_line
        word_start = before[:n_words].astype(np.float64)
    else:
        at_line, total = ends - per_line, per_line
        word_start = np.arange(n_words, dtype=np.float64)
    # Avoids division by zero; a line without words needs no step.
    step = (end - start) / np.maximum(total, 1)
    word_start -= np.repeat(at_line.astype(np.float64), per_line)
    word_start *= np.repeat(step, per_line)
    word_start += np.repeat(start, per_line)
    word_start = round_to_tenths(word_start)
    # Within a line a word ends exactly where the next one starts: it is the same expression.
    word_end = np.empty_like(word_start)
    word_end[:-1] = word_start[1:]
    filled = per_line > 0
    word_end[ends[filled] - 1] = round_to_tenths(start + total * step)[filled]
    return TimedWords(text, first_byte, word_start, word_end, per_line)


def _lengths_before(
    text: bytes, first_byte: IntArray, per_line: IntArray, segmented: Sequence[int]
) -> IntArray:
    """(n_words + 1,): the sum of what the words before each one count, and that of all."""
    letters = np.frombuffer(text, np.uint8)
    # The last byte of a word; a space follows.
    more = _PAUSE_AFTER[letters[first_byte[1:] - 2]] + _CHARACTERS_PER_WORD
    if len(segmented):
        chosen = np.zeros(len(per_line), np.bool_)
        chosen[list(segmented)] = True
        more[np.repeat(chosen, per_line)] = 0
    before = first_byte - np.arange(len(first_byte))
    before[1:] += np.cumsum(more)
    if not text.isascii():
        # Characters in UTF-8 are the bytes that continue none.
        before -= np.concatenate([[0], np.cumsum(letters & 0xC0 == 0x80)])[first_byte]
    return before


def _split(
    texts: Sequence[str], *, empty_words: bool, drop_repeated: bool
) -> tuple[bytes, IntArray, IntArray]:
    """(`text`, `first_byte`, `per_line`) of the lines' words."""
    if not texts:
        return b"", np.zeros(1, np.int64), np.zeros(0, np.int64)
    text, line_size = _join(texts, white_space=not empty_words)
    letters = np.frombuffer(text, np.uint8)
    # A word and the space after it: text[begin[k] : end[k]].
    end = np.flatnonzero(letters == _SPACE) + 1
    begin = np.concatenate([[0], end[:-1]])
    if not empty_words:
        filled = end - begin > 1
        if not filled.all():
            begin, end = begin[filled], end[filled]
    first_word = np.searchsorted(begin, np.cumsum(line_size) - line_size)
    per_line = np.diff(first_word, append=len(begin))

    repeated = np.zeros(0, np.int64)
    if drop_repeated:
        repeated = _repeated_words(text, begin, end, first_word[per_line > 0])
    if len(repeated):
        line = np.searchsorted(first_word + per_line, repeated, side="right")
        per_line -= np.bincount(line, minlength=len(per_line))
        stays = np.ones(len(begin), np.bool_)
        stays[repeated] = False
        begin, end = begin[stays], end[stays]
    size = end - begin
    if size.sum() < len(text):
        # Few words are dropped: copying the ranges between them is cheaper than copying each word.
        lows = begin[begin != np.append(-1, end)[:-1]]
        highs = end[end != np.append(begin, -1)[1:]]
        text = b"".join(map(text.__getitem__, map(slice, lows.tolist(), highs.tolist())))
    return text, np.concatenate([[0], np.cumsum(size)]), per_line


def _join(texts: Sequence[str], *, white_space: bool) -> tuple[bytes, IntArray]:
    """The lines in UTF-8, each followed by a space, and the number of bytes of each with its space.

    With `white_space`, any white space is replaced by a space.
    """
    joined = " ".join(texts) + " "
    if joined.isascii():
        text = joined.encode()
        size = np.fromiter(map(len, texts), np.int64, len(texts))
    else:
        if white_space and any(space in joined for space in _WIDE_SPACES):
            texts = [" ".join(line.split()) for line in texts]
        encoded = [line.encode() for line in texts]
        text = b" ".join([*encoded, b""])
        size = np.fromiter(map(len, encoded), np.int64, len(texts))
    if white_space and np.frombuffer(text, np.uint8).min() < _SPACE:
        text = text.translate(_TO_SPACE)
    return text, size + 1


def _repeated_words(text: bytes, begin: IntArray, end: IntArray, first_word: IntArray) -> IntArray:
    """Which words text[begin[k] : end[k]] equal the previous word; never those in `first_word`."""
    if len(begin) < 2:
        return np.zeros(0, np.int64)
    size = end - begin
    letter = np.frombuffer(text, np.uint8)[begin]
    alike = np.zeros(len(begin), np.bool_)
    np.logical_and(size[1:] == size[:-1], letter[1:] == letter[:-1], out=alike[1:])
    alike[first_word] = False
    candidates = np.flatnonzero(alike)
    equal = [
        text[before:after] == text[low:high]
        for before, after, low, high in zip(
            begin[candidates - 1].tolist(),
            end[candidates - 1].tolist(),
            begin[candidates].tolist(),
            end[candidates].tolist(),
            strict=True,
        )
    ]
    return candidates[np.array(equal, np.bool_)]


def round_to_tenths(values: FloatArray) -> FloatArray:
    """`round(x, 1)` of every value, bit-identical to Python's.

    Python rounds the exact value of x, whereas x * 10 in floating point is already rounded. This
    rounding is monotonic and halves are floating-point numbers, so the two can only disagree where
    x * 10 is exactly a half. There, the sign of the product's rounding error, which Dekker's
    algorithm computes exactly, tells on which side of the half x lies.
    """
    tenths = values * 10.0
    nearest = np.rint(tenths)
    remainder = tenths - nearest
    half = np.flatnonzero(np.abs(remainder, out=remainder) == 0.5)
    if len(half):
        x, product = values[half], tenths[half]
        scaled = x * _SPLITTER
        high = scaled - (scaled - x)
        error = (high * 10.0 - product) + (x - high) * 10.0
        # An error of zero is a true tie, which rint has already rounded to even.
        nearest[half] = np.where(
            error > 0, np.ceil(product), np.where(error < 0, np.floor(product), nearest[half])
        )
    nearest /= 10.0
    if len(values) and not -_MAX_EXACT_TENTHS < tenths.min() <= tenths.max() < _MAX_EXACT_TENTHS:
        for index in np.flatnonzero(np.abs(tenths) >= _MAX_EXACT_TENTHS).tolist():
            nearest[index] = round(float(values[index]), 1)
    return nearest
