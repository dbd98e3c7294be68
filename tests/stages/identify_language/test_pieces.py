"""Languages by pieces: what their confidence says of texts in several languages."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.files.lines import read_jsonl
from livecc.stages.identify_language.engine import LanguageIdentifier
from livecc.stages.identify_language.pieces import (
    PIECE_WORDS,
    STEP_WORDS,
    PieceIdentifier,
    pieces_of,
)
from tests.stages.identify_language.identifiers import load
from tests.stages.identify_language.test_langid_model import clips_of


@pytest.fixture(scope="module")
def langid() -> LanguageIdentifier:
    return load("langid")


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1)))
def test_pieces_cover_a_text_evenly(words: list[str]) -> None:
    pieces = [piece.split() for piece in pieces_of("  ".join(words))]
    if len(words) <= PIECE_WORDS:
        assert pieces == ([words] if words else [])
        return
    assert {len(piece) for piece in pieces} == {PIECE_WORDS}
    assert pieces[0] == words[:PIECE_WORDS]
    assert pieces[-1] == words[-PIECE_WORDS:]
    # No word is left out, and none is in more than three pieces.
    assert len(pieces) == 1 + -(-(len(words) - PIECE_WORDS) // STEP_WORDS)


def test_scripts_without_spaces_are_cut_by_characters() -> None:
    text = "今天我们来谈谈微分方程的几何意义以及它们在物理学中的应用" * 10
    pieces = pieces_of(text)
    assert len(pieces) > 5
    assert max(map(len, pieces)) == 3 * PIECE_WORDS
    assert all(piece in text for piece in pieces)
    assert pieces[0] == text[: 3 * PIECE_WORDS]
    assert text.endswith(pieces[-1])
    for sample in ("ภาษาไทยไม่มีช่องว่างระหว่างคำ", "日本語には空白がありません", "ភាសាខ្មែរមិនមានដកឃ្លា"):
        assert len(pieces_of(sample * 20)) > 3
    # Korean and Hindi have spaces.
    assert pieces_of("한국어는 띄어쓰기를 합니다") == ["한국어는 띄어쓰기를 합니다"]


class ByFirstWord:
    """Labels a text with its first word."""

    def identify(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        return [(text.split()[0], 1.0) for text in texts]


def test_label_of_most_pieces_and_their_share() -> None:
    identify = PieceIdentifier(ByFirstWord()).identify
    # Pieces begin at words 0, 10 and 20.
    words = ["a"] * 10 + ["b"] * 30
    assert identify([" ".join(words), "", " \u3000", "c"]) == [
        ("b", pytest.approx(2 / 3)),
        ("und", 0.0),
        ("und", 0.0),
        ("c", 1.0),
    ]
    assert identify([" ".join(["x"] * 10 + ["y"] * 20)]) == [("x", 0.5)]
    assert identify([]) == []


# Real captions.


def without_times(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return " ".join(line for line in lines if not re.fullmatch(r"|\d+|.* --> .*", line.strip()))


def foreign_texts(test_data: Path) -> dict[str, str]:
    """Language -> text."""
    texts: dict[str, str] = {"uk": without_times(test_data / "captions/sy1_uk.srt")}
    for track in read_jsonl(test_data / "captions/other_languages_cc.jsonl"):
        said = " ".join(line[2] for line in track["subtitles"])
        texts[track["language"]] = f"{texts.get(track['language'], '')} {said}"
    return texts


def part_of(text: str, words: int, rng: random.Random) -> str:
    """Some words in a row; three characters count as one where there are no spaces."""
    units = text.split() if text.count(" ") > len(text) / 15 else re.findall(".{1,3}", text)
    begin = rng.randrange(max(1, len(units) - words))
    joined = " " if units[0] in text.split() else ""
    return joined.join(units[begin : begin + words])


def mixed(english: str, share: float, foreign: str, rng: random.Random) -> str:
    """A share of the words, in one place, is in another language."""
    words = english.split()
    count = round(share * len(words))
    begin = rng.randrange(len(words) - count + 1)
    return " ".join([*words[:begin], part_of(foreign, count, rng), *words[begin + count :]])


@pytest.fixture(scope="module")
def english(test_data: Path) -> list[str]:
    _, texts = clips_of(test_data / "captions/english_cc.jsonl")
    assert len(texts) > 250
    return texts


def passed(answers: Sequence[tuple[str, float]], label: str = "en") -> float:
    return sum(one == label and sure >= 0.9 for one, sure in answers) / len(answers)


def test_english_clips_pass(langid: LanguageIdentifier, english: list[str]) -> None:
    assert passed(langid.identify(english)) == 1
    short = [" ".join(text.split()[:40]) for text in english]
    assert passed(langid.identify(short)) >= 0.99


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.5])
def test_confidence_is_about_the_share_of_the_language(
    langid: LanguageIdentifier, english: list[str], test_data: Path, share: float
) -> None:
    rng = random.Random(0)
    foreign = foreign_texts(test_data)
    assert len(foreign) == 8
    texts = [mixed(text, share, foreign[rng.choice(sorted(foreign))], rng) for text in english]
    answers = langid.identify(texts)
    mean = sum(sure for _, sure in answers) / len(answers)
    assert mean == pytest.approx(1 - share, abs=0.06)
    # Of pieces that lie half in another language, either may be said.
    assert passed(answers) <= {0.1: 0.3, 0.2: 0.02}.get(share, 0)
    if share < 0.5:
        assert sum(label == "en" for label, _ in answers) >= 0.98 * len(answers)


def test_scattered_and_short_mixtures_do_not_pass(
    langid: LanguageIdentifier, english: list[str], test_data: Path
) -> None:
    rng = random.Random(0)
    foreign = foreign_texts(test_data)

    def other() -> str:
        return foreign[rng.choice(sorted(foreign))]

    scattered = []
    for text in english:
        words = text.split()
        third = len(words) // 3
        parts = (words[:third], words[third : 2 * third], words[2 * third :])
        scattered.append(" ".join(mixed(" ".join(part), 0.3, other(), rng) for part in parts))
    assert passed(langid.identify(scattered)) <= 0.02
    short = [" ".join(text.split()[:60]) for text in english]
    assert passed(langid.identify([mixed(text, 0.3, other(), rng) for text in short])) <= 0.02


def test_other_languages_pass_as_themselves(langid: LanguageIdentifier, test_data: Path) -> None:
    rng = random.Random(0)
    for label, text in foreign_texts(test_data).items():
        answers = langid.identify([part_of(text, 150, rng) for _ in range(40)])
        assert passed(answers, label) >= 0.95, label


def test_capitals_are_no_other_language(langid: LanguageIdentifier, english: list[str]) -> None:
    capitals = [text.upper() for text in english]
    assert passed(langid.identify(capitals)) == 1
    halves = [text[: len(text) // 2].upper() + text[len(text) // 2 :] for text in english]
    assert passed(langid.identify(halves)) == 1
    # What paper mode keeps.
    assert passed(load("langid", mode="paper").identify(capitals)) < 0.9
