"""The batched langid model against the langid package itself, as paper mode uses it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.files.lines import read_jsonl
from livecc.stages.clip_captions.cut import VideoClips, clip_captions
from livecc.stages.identify_language import langid_model
from livecc.stages.identify_language.engine import LanguageIdentifier
from tests.stages.identify_language.identifiers import load


@pytest.fixture(scope="module")
def ours() -> LanguageIdentifier:
    return load("langid", mode="paper")


@pytest.fixture(scope="module")
def theirs() -> Any:
    from langid import langid

    return langid.LanguageIdentifier.from_modelstring(langid.model, norm_probs=True)


SENTENCES = [
    "we add the two numbers and look at the graph",
    "nous allons voir la dérivée de cette fonction",
    "die Ableitung dieser Funktion ist nicht schwer",
    "今日は微分の話をします",
    "производная этой функции",
    "مرحبا بكم في هذا الدرس",
    "🙂🙂 ok",
    "\x00\x7f zz",
]


def check(ours: LanguageIdentifier, theirs: Any, texts: list[str]) -> None:
    answers = ours.identify(texts)
    expected = [theirs.classify(text) if text.strip() else ("und", 0.0) for text in texts]
    assert [label for label, _ in answers] == [label for label, _ in expected]
    assert [c for _, c in answers] == pytest.approx([c for _, c in expected], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
            st.lists(st.sampled_from(SENTENCES), max_size=8).map(" ".join),
        ),
        max_size=6,
    ),
    piece=st.sampled_from([8, 128]),
    batch=st.sampled_from([20, 512 * 2**10]),
)
def test_answers_are_langids(
    ours: LanguageIdentifier, theirs: Any, texts: list[str], piece: int, batch: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(langid_model, "_PIECE_BYTES", piece)
        patch.setattr(langid_model, "_BATCH_BYTES", batch)
        check(ours, theirs, texts)


def test_mixed_lengths_and_languages(ours: LanguageIdentifier, theirs: Any) -> None:
    rng = random.Random(0)
    texts = [" ".join(rng.choices(SENTENCES, k=rng.randint(0, 30))) for _ in range(150)]
    check(ours, theirs, texts)
    # Rows that share a batch do not touch one another.
    assert ours.identify(texts[::-1]) == [
        (label, pytest.approx(value)) for label, value in ours.identify(texts)[::-1]
    ]


def test_a_text_longer_than_a_batch(ours: LanguageIdentifier, theirs: Any) -> None:
    check(ours, theirs, ["é" + SENTENCES[0] * 30_000, SENTENCES[1]])


def test_white_space_and_half_a_surrogate_pair(ours: LanguageIdentifier) -> None:
    assert ours.identify(["", " \t\u3000"]) == [("und", 0.0)] * 2
    assert ours.identify([SENTENCES[0] * 3 + "\ud83d"])[0][0] == "en"
    assert ours.identify([]) == []


def clips_of(path: Path) -> tuple[list[VideoClips], list[str]]:
    """The clips of a file in which some videos come in several languages."""
    tracks = list(read_jsonl(path))
    lines = [
        orjson.dumps(track | {"video": f"{number}-{track['video']}"})
        for number, track in enumerate(tracks)
    ]
    videos = list(clip_captions(enumerate(lines, 1)))
    texts = [
        video.transcript.text(clip["first_word"], clip["last_word"])
        for video in videos
        if video.transcript is not None
        for clip in video.clips
    ]
    return videos, texts


def test_real_captions(ours: LanguageIdentifier, test_data: Path) -> None:
    _, english = clips_of(test_data / "captions/english_cc.jsonl")
    answers = ours.identify(english)
    assert len(answers) > 250
    assert all(label == "en" and confidence >= 0.9 for label, confidence in answers)
    videos, other = clips_of(test_data / "captions/other_languages_cc.jsonl")
    whole = [v.transcript.text(0, v.row["words"]) for v in videos if v.transcript is not None]
    assert len(whole) == 13
    for label, confidence in ours.identify(other + whole):
        assert not (label == "en" and confidence >= 0.9)
