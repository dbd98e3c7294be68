"""Units of scripts without spaces: Chinese, Japanese, Thai, Lao, Khmer and Burmese.

ICU finds them with dictionaries; it is the only segmenter that knows all six, and the package
icu4py brings it as a wheel (PyICU wants the system's; budoux knows three of the six and finds
phrases; jieba and PyThaiNLP know one each; uniseg splits Chinese into single characters). Its
segments are glued where text has no unit of its own: punctuation to the word before it, an opening
bracket to the word behind it, and anything where `formats.unspaced.join_units` would put a space
that the text does not have ("CPU" and "使用" stay one unit). So the units of a line, joined again,
are the line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache

from livecc.errors import LiveccError
from livecc.formats.unspaced import has_unspaced, joint


def segmented(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """The texts with a space between the units of scripts without spaces.

    Also the indices of the texts that hold such a script. The others are the same objects as
    before. Raises LiveccError when ICU is not installed.
    """
    segmented = list(texts)
    # One look at all of them: most tracks are of one language.
    if not has_unspaced("".join(texts)):
        return segmented, []
    found = [index for index, text in enumerate(texts) if has_unspaced(text)]
    for index in found:
        segmented[index] = " ".join(units(texts[index]))
    return segmented, found


def units(text: str) -> list[str]:
    """The units of a text; without a script without spaces these are its words."""
    found: list[str] = []
    for word in text.split():
        if has_unspaced(word):
            found += _segments(word)
        else:
            found.append(word)
    return found


def _segments(word: str) -> list[str]:
    """The units of a text without white space."""
    found: list[str] = []
    # A unit made of opening marks alone waits for its word.
    opening = ended = False
    for piece in _breaker()(word, "und"):
        kind, begins, ends = _look(piece)
        if begins and ended:
            # Most pieces: nothing stands between two letters of such scripts.
            found.append(piece)
        elif found and (opening or kind == _CLOSING or joint(found[-1], piece)):
            found[-1] += piece
            opening = opening and kind == _OPENING
        else:
            found.append(piece)
            opening = kind == _OPENING
        ended = ends and not opening
    return found


_LETTERS, _OPENING, _CLOSING = range(3)


@lru_cache(65_536)
def _look(piece: str) -> tuple[int, bool, bool]:
    """What a segment is, and whether it begins and ends with a letter of a script without spaces.

    It has a letter or number, opens a bracket or quote, or belongs to what is before it.
    """
    if any(map(str.isalnum, piece)):
        return _LETTERS, has_unspaced(piece[0]), has_unspaced(piece[-1])
    opens = unicodedata.category(piece[0]) in ("Ps", "Pi")
    return _OPENING if opens else _CLOSING, False, False


@cache
def _breaker():  # type: ignore[no-untyped-def]
    try:
        from icu4py.breakers import WordBreaker
    except ImportError:
        raise LiveccError(
            "captions in a script without spaces are divided into segments by the package icu4py, "
            "which is not installed: install it (pip install icu4py), or set clip_captions.unit to "
            "line"
        ) from None
    return WordBreaker
