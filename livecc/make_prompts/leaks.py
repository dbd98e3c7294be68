"""Does a query give away what is said in its clip?"""

from __future__ import annotations

import re
import unicodedata

# Scripts written without spaces (Thai, Lao, Myanmar, Khmer, kana, Han): there is no telling words
# apart without a dictionary, so that each character counts as a word.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"(?=[^\W_])[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_APOSTROPHES = re.compile("['’‘ʼ＇`´]")
# Accents and other marks, and invisible characters (soft hyphen, zero-width space).
_DROPPED = frozenset({"Mn", "Mc", "Me", "Cf"})


def words_of(text: str) -> list[str]:
    """The words of a text, without case, punctuation and accents.

    "Don't" is one word, "real-time" two.
    """
    # Compatibility forms first: the apostrophe and the letters have full-width ones.
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", text).casefold())
    kept = "".join(c for c in plain if c.isascii() or unicodedata.category(c) not in _DROPPED)
    return _WORD.findall(kept)


def leaked_words(query: str, transcript: str, least: int) -> str | None:
    """The first `least` consecutive words of the query that the transcript has too, or None."""
    asked, said = words_of(query), words_of(transcript)
    runs = {tuple(said[i : i + least]) for i in range(len(said) - least + 1)}
    for i in range(len(asked) - least + 1):
        if tuple(asked[i : i + least]) in runs:
            return " ".join(asked[i : i + least])
    return None
