"""The language of a text by the languages of its pieces.

The probabilities of naive Bayes are no measure of certainty: it takes every n-gram for independent
evidence, so that of two languages in a text one has the probability 1, or even a third one. In
pieces of some words, each language shows. A text's label is that of most of its pieces, and the
confidence is their share: about 0.7 if 30 % of the text is in other languages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from livecc.formats.unspaced import UNSPACED, has_unspaced
from livecc.stages.identify_language.engine import UNDETERMINED, LanguageIdentifier
from livecc.stages.identify_language.letter_case import without_capitals

#: Words of a piece, and how far the next one begins behind it. Longer pieces hide a second language
#: in clips of 40 words; of pieces of 15 and fewer words, more are mistaken for another language.
PIECE_WORDS, STEP_WORDS = 20, 10

# Of scripts without spaces, some characters count as a word.
_WORD = re.compile(f"[{UNSPACED}]{{1,3}}|[^\\s{UNSPACED}]+")


def pieces_of(text: str) -> list[str]:
    """Overlapping pieces of PIECE_WORDS words, spread evenly over the text; [] for white space.

    A text of up to PIECE_WORDS words is one piece.
    """
    if has_unspaced(text):
        spans = [match.span() for match in _WORD.finditer(text)]
        return [text[spans[low][0] : spans[high - 1][1]] for low, high in _ranges(len(spans))]
    words = text.split()
    return [" ".join(words[low:high]) for low, high in _ranges(len(words))]


def _ranges(words: int) -> list[tuple[int, int]]:
    """[first, end) of each piece."""
    beyond = words - PIECE_WORDS
    if beyond <= 0:
        return [(0, words)] if words else []
    steps = -(-beyond // STEP_WORDS)
    starts = (round(step * beyond / steps) for step in range(steps + 1))
    return [(low, low + PIECE_WORDS) for low in starts]


class PieceIdentifier:
    """Identifies texts by the labels that another identifier gives their pieces."""

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self.identifier = identifier

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """(label of most pieces, their share) of each text; "und" and 0 for white space only.

        Of labels with equally many pieces, the one that occurs first in the text is taken.
        """
        pieces = [pieces_of(text) for text in texts]
        labels = iter(
            label
            for label, _ in self.identifier.identify(
                [without_capitals(piece) for group in pieces for piece in group]
            )
        )
        return [_most(list(islice(labels, len(group)))) for group in pieces]


def _most(labels: Sequence[str]) -> tuple[str, float]:
    if not labels:
        return UNDETERMINED
    label, count = Counter(labels).most_common(1)[0]
    return label, count / len(labels)
