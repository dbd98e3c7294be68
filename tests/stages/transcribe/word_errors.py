"""Word error rate of a transcript."""

from __future__ import annotations

import re
from collections.abc import Sequence


def spoken_words(text: str) -> list[str]:
    """The words of a text as they are spoken: lower case, without punctuation."""
    return re.findall(r"[\w']+", text.lower().replace("-", " "))


def word_error_rate(said: str, written: Sequence[str]) -> float:
    """Words replaced, left out or put in, divided by the number of words that were said."""
    reference, found = spoken_words(said), spoken_words(" ".join(written))
    row = list(range(len(found) + 1))
    for i, wanted in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, given in enumerate(found, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != given)),
            )
    return row[-1] / len(reference)
