"""The same video through every format that tells the times of words, and through the others."""

from __future__ import annotations

from itertools import pairwise

import pytest

from livecc.sources.readers import json3, srv, vtt
from tests.sources import caption_files
from tests.sources.caption_files import speech, spoken


@pytest.mark.parametrize("seed", range(12))
def test_the_same_words_at_the_same_times(seed: int) -> None:
    lines = speech(seed)
    tracks = [
        json3.read(caption_files.json3(lines)),
        vtt.read(caption_files.vtt(lines)),
        srv.read(caption_files.srv3(lines)),
        srv.read(caption_files.srv2(lines)),
    ]
    first = tracks[0].words
    assert first
    for track in tracks[1:]:
        assert track.words is not None
        assert [word for _, _, word in track.words] == [word for _, _, word in first]
        for one, other in zip(track.words, first, strict=True):
            assert one[:2] == pytest.approx(other[:2], abs=0.01)
    said = {(round(start, 3), word) for start, word in spoken(lines)}
    assert said <= {(round(start, 3), word) for start, _, word in first}
    assert " ".join(word for _, _, word in first).split() == [
        word for _, _, words in lines for word in "".join(text for _, text in words).split()
    ]


@pytest.mark.parametrize("seed", range(3))
def test_words_have_time_and_are_in_order(seed: int) -> None:
    words = json3.read(caption_files.json3(speech(seed))).words
    assert words is not None
    for (start, end, _), (following, _, _) in pairwise(words):
        assert start < end <= following
        assert end - start <= 1.5001


@pytest.mark.parametrize("seed", range(3))
def test_the_same_lines_for_paper_mode(seed: int) -> None:
    lines = speech(seed)
    texts = ["".join(text for _, text in words) for _, _, words in lines]
    tracks = [
        json3.read(caption_files.json3(lines)),
        vtt.read(caption_files.vtt(lines)),
        srv.read(caption_files.srv3(lines)),
        srv.read(caption_files.srv2(lines)),
        srv.read(caption_files.srv1(lines)),
        json3.read(caption_files.json3(lines, manual=True)),
    ]
    for track in tracks:
        assert [text for _, _, text in track.chosen("paper")] == texts
        assert [start for start, _, _ in track.lines] == [start / 1000 for start, _, _ in lines]
    assert tracks[-1].words is tracks[-2].words is None
