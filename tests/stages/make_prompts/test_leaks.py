"""A query may not repeat five consecutive words of its transcript, however they are written."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.stages.make_prompts.leaks import leaked_words, words_of

WORDS = [f"w{n}x" for n in range(12)]
transcripts = st.lists(st.sampled_from(WORDS), max_size=40)
runs = st.integers(1, 7)
#: What may stand between words: it changes nothing.
gaps = st.sampled_from([" ", ", ", "... ", " - ", "\n", "! ", " (", "\u00a0", "\u200b ", '" '])


def dressed(words: list[str], draw: st.DataObject) -> str:
    """Words with case, punctuation and accents as they come."""
    text = ""
    for word in words:
        change = draw.draw(st.sampled_from([str.upper, str.title, str.lower, _accented]))
        text += change(word) + draw.draw(gaps)
    return text


def _accented(word: str) -> str:
    return word.replace("x", "x\u0301")


@given(st.data(), transcripts, st.lists(st.sampled_from(WORDS), max_size=20), runs)
def test_equals_the_plain_definition(
    draw: st.DataObject, said: list[str], asked: list[str], least: int
) -> None:
    expected = any(
        asked[i : i + least] == said[j : j + least]
        for i in range(len(asked) - least + 1)
        for j in range(len(said) - least + 1)
    )
    found = leaked_words(dressed(asked, draw), dressed(said, draw), least)
    assert (found is not None) == expected
    if found is not None:
        assert len(found.split()) == least
        assert f" {found} " in f" {' '.join(said)} "


@given(st.data(), transcripts.filter(lambda words: len(words) >= 5), st.text(), st.text())
def test_five_words_are_found_wherever_they_stand(
    draw: st.DataObject, said: list[str], before: str, after: str
) -> None:
    start = draw.draw(st.integers(0, len(said) - 5))
    query = f"{before} {dressed(said[start : start + 5], draw)} {after}"
    assert leaked_words(query, dressed(said, draw), 5) is not None


@given(st.data(), transcripts, st.integers(2, 6))
def test_one_word_less_is_no_leak(draw: st.DataObject, said: list[str], least: int) -> None:
    start = draw.draw(st.integers(0, len(said)))
    piece = said[start : start + least - 1]
    query = f"please {' '.join(piece)} thanks"
    assert leaked_words(query, " ".join(said), least) is None


@given(st.text(), st.text(), runs)
def test_any_text_will_do(query: str, transcript: str, least: int) -> None:
    leaked = leaked_words(query, transcript, least)
    assert leaked is None or len(leaked.split(" ")) == least


@given(st.text())
def test_a_text_leaks_itself(text: str) -> None:
    words = words_of(text)
    assert (leaked_words(text, text, 5) is not None) == (len(words) >= 5)


@given(st.text(alphabet=string.ascii_letters + " '’.,-"))
def test_case_and_punctuation_do_not_matter(text: str) -> None:
    plain = words_of(text)
    assert words_of(text.upper()) == plain
    assert words_of(text.replace(",", " ; ").replace(".", "?!")) == plain
    assert words_of(" ".join(plain)) == plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop, it’s REAL-time!", ["dont", "stop", "its", "real", "time"]),
        ("Straße CAFÉ cafe\u0301", ["strasse", "cafe", "cafe"]),
        ("1,000 °C x_y", ["1", "000", "c", "x", "y"]),
        ("ＦＵＬＬ ﬁne", ["full", "fine"]),
        ("so\u00adft hy\u200bphen", ["soft", "hyphen"]),
        ("Привет, мир", ["привет", "мир"]),
        ("你好, world", ["你", "好", "world"]),
        ("ひらがな", ["ひ", "ら", "か", "な"]),
        ("", []),
        ("... — !", []),
    ],
)
def test_words_of(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_words_with_vowel_signs_stay_whole() -> None:
    assert len(words_of("हिन्दी में लाइव कमेंट्री करें")) == 5


def test_scripts_without_spaces_count_characters() -> None:
    transcript = "今天我们来做一个纸船首先把纸对折"
    assert leaked_words("请解说:我们来做一", transcript, 5) == "我 们 来 做 一"
    assert leaked_words("请实时解说这个视频", transcript, 5) is None
