"""Timed words from caption lines.

A caption line shows several words for a stretch of time; its duration is divided evenly over
them. All lines of many videos are handled at once: the functions here know nothing of videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from operator import eq
from typing import Any, NamedTuple

import numpy as np

# From here on x * 10 has no fraction bits left for a half.
_MAX_EXACT_TENTHS = 2.0**52
# Veltkamp's constant for doubles: splits a number into two halves of at most 26 bits.
_SPLITTER = 2.0**27 + 1

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class TimedWords(NamedTuple):
    """Words of many caption lines, line after line.

    `start`, `end`: (n_words,) seconds, rounded to 0.1 s. `per_line`: (n_lines,) words of each line.
    """

    words: list[str]
    start: FloatArray
    end: FloatArray
    per_line: IntArray


def time_words(
    texts: Sequence[str], start: FloatArray, end: FloatArray, *, empty_words: bool
) -> TimedWords:
    """Split caption lines into words and give each its share of the line's time.

    `texts`, `start`, `end`: one per line, seconds. A word equal to the word just before it in the
    same line is dropped. Of a line with n words left, word k gets `round(start + k * d, 1)` and
    `round(start + (k + 1) * d, 1)` with `d = (end - start) / n`. With `empty_words`, a line is
    split at every single space, so that a double space makes an empty word and an empty line is
    one empty word (the original pipeline); without, at runs of white space, and a line may have no
    words.
    """
    lines = list(map(str.split, texts, repeat(" ")) if empty_words else map(str.split, texts))
    words = list(chain.from_iterable(lines))
    per_line = np.fromiter(map(len, lines), np.int64, len(lines))
    words, per_line = _drop_repeated(words, per_line)

    # Zero words would divide by zero; such a line gives no word, so its step does not matter.
    step = (end - start) / np.maximum(per_line, 1)
    last_word = np.cumsum(per_line) - 1
    word_start = np.arange(len(words), dtype=np.float64)
    word_start -= np.repeat((last_word - per_line + 1).astype(np.float64), per_line)
    word_start *= np.repeat(step, per_line)
    word_start += np.repeat(start, per_line)
    word_start = round_to_tenths(word_start)
    # Inside a line a word ends where the next one starts: the same k, the same sum.
    word_end = np.empty_like(word_start)
    word_end[:-1] = word_start[1:]
    filled = per_line > 0
    word_end[last_word[filled]] = round_to_tenths(start + per_line * step)[filled]
    return TimedWords(words, word_start, word_end, per_line)


def _drop_repeated(words: list[str], per_line: IntArray) -> tuple[list[str], IntArray]:
    """Drop each word that equals the word before it in the same line."""
    if len(words) < 2:
        return words, per_line
    repeated = np.zeros(len(words), np.bool_)
    # bytes() drives the comparison from C; it takes each True as 1.
    repeated[1:] = np.frombuffer(bytes(map(eq, words[1:], words)), np.bool_)
    first_word = np.cumsum(per_line) - per_line
    repeated[first_word[per_line > 0]] = False
    at = np.flatnonzero(repeated)
    if not len(at):
        return words, per_line
    line = np.searchsorted(first_word + per_line, at, side="right")
    per_line = per_line - np.bincount(line, minlength=len(per_line))
    # Repeats are rare: copying the stretches between them is cheaper than looking at every word.
    kept: list[str] = []
    after = 0
    for index in at.tolist():
        kept += words[after:index]
        after = index + 1
    kept += words[after:]
    return kept, per_line


def round_to_tenths(values: FloatArray) -> FloatArray:
    """`round(x, 1)` of every value, bit for bit what Python gives.

    Python rounds the exact value of x, while x * 10 in floating point is already rounded. As that
    rounding is monotonic and halves are floating-point numbers, only where x * 10 comes out as
    exactly a half can the two disagree; there the sign of the product's rounding error, which
    Dekker's product gives exactly, says on which side of the half x lies.
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
        # An error of zero is a true tie, which rint has already taken to the even neighbour.
        nearest[half] = np.where(
            error > 0, np.ceil(product), np.where(error < 0, np.floor(product), nearest[half])
        )
    nearest /= 10.0
    if len(values) and not -_MAX_EXACT_TENTHS < tenths.min() <= tenths.max() < _MAX_EXACT_TENTHS:
        for index in np.flatnonzero(np.abs(tenths) >= _MAX_EXACT_TENTHS).tolist():
            nearest[index] = round(float(values[index]), 1)
    return nearest
