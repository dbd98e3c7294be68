"""Texts of transcripts in scripts without spaces."""

from __future__ import annotations

from itertools import pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st

from livecc.formats.records import Transcript
from livecc.formats.unspaced import has_unspaced, join_units, joint, pieces_of

UNITS = st.lists(
    st.sampled_from(
        [
            "a",
            "Bé,",
            "42",
            "你",
            "好。",
            "「世",
            "界」",
            "ไทย",
            "မြန်",
            "안녕",
            "مر",
            "!",
            "🙂",
            "…",
            "，",
        ]
    ),
    max_size=9,
)


def transcript(words: list[str], *, unspaced: bool) -> Transcript:
    times = [float(n) for n in range(len(words))]
    return Transcript("v", "t", "c", words, times, times, unspaced)


@given(UNITS, st.integers(0, 9), st.integers(0, 9))
def test_parts_make_the_whole(words: list[str], one: int, other: int) -> None:
    first, last = sorted((min(one, len(words)), min(other, len(words))))
    for unspaced in (False, True):
        made = transcript(words, unspaced=unspaced)
        parts = made.text_before(0, first) + made.text_before(first, last)
        whole = parts + made.text(last, len(words))
        if last < len(words):
            assert whole == made.text(0, len(words))
        else:
            assert whole.rstrip(" ") == made.text(0, len(words))


@given(UNITS)
def test_other_scripts_are_joined_by_spaces(words: list[str]) -> None:
    spaced = [word for word in words if not has_unspaced(word) and word != "，"]
    assert join_units(spaced) == " ".join(spaced)
    assert transcript(words, unspaced=False).text(0, len(words)) == " ".join(words)
    assert "".join(join_units(words).split(" ")) == "".join(words)
    for before, after in pairwise(words):
        assert join_units([before, after]) == before + joint(before, after) + after


def test_transcripts_of_other_scripts_are_stored_as_ever() -> None:
    plain = transcript(["a", "b"], unspaced=False)
    assert list(orjson.loads(plain.to_json())) == (
        ["video", "title", "category", "words", "start", "end"]
    )
    chinese = transcript(["你", "好"], unspaced=True)
    assert Transcript.from_json(chinese.to_json()) == chinese
    assert Transcript.from_json(plain.to_json()) == plain


@given(st.text(max_size=20))
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text
    if not has_unspaced(text):
        assert [piece.removesuffix(" ") for piece in pieces_of(text)] == text.split(" ")


def test_letters_of_scripts_without_spaces_are_pieces() -> None:
    assert pieces_of("你好 a b") == ["你", "好 ", "a ", "b"]
