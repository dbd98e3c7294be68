"""Detection of queries that leak the text of their clip."""

from __future__ import annotations

import re
import unicodedata

from livecc.formats.unspaced import UNSPACED

# In scripts written without spaces each character counts as a word.
_WORD = re.compile(rf"(?=[^\W_])[{UNSPACED}]|[^\W_{UNSPACED}]+")
_APOSTROPHES = re.compile("['’‘ʼ＇`´]")
# Accents and other marks, and invisible characters (soft hyphen, zero-width space).
_DROPPED = frozenset({"Mn", "Mc", "Me", "Cf"})


def words_of(text: str) -> list[str]:
    """The words of a text, ignoring case, punctuation and accents.

    "Don't" is one word, "real-time" two.
    """
    # Compatibility forms first: apostrophes and letters have full-width forms.
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).casefold())
    kept = "".join(c for c in plain if c.isascii() or unicodedata.category(c) not in _DROPPED)
    return _WORD.findall(kept)


def leaked_words(query: str, transcript: str, least: int) -> str | None:
    """The first `least` consecutive words of the query that the transcript contains, or None."""
    asked, said = words_of(query), words_of(transcript)
    runs = {tuple(said[i : i + least]) for i in range(len(said) - least + 1)}
    for i in range(len(asked) - least + 1):
        if tuple(asked[i : i + least]) in runs:
            return " ".join(asked[i : i + least])
    return None
