"""Real words laid out as YouTube's automatic captions are: the stage gives them back in time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from livecc.files.lines import read_jsonl
from livecc.stages.clip_captions.cut import VideoClips, clip_captions
from livecc.stages.spans import ClipOptions

Words = list[list[Any]]
#: Captions break lines by length: a row of television captions, five or six words, and the longest
#: that guidelines allow.
LINE_CHARACTERS = (32, 42)


def lines_of(words: Words, characters: int = LINE_CHARACTERS[0]) -> list[Words]:
    lines: list[Words] = []
    size = characters
    for word in words:
        size += len(word[2]) + 1
        if size > characters:
            lines.append([])
            size = len(word[2])
        lines[-1].append(word)
    return lines


def text_of(line: Words) -> str:
    return " ".join(word[2] for word in line)


def overlapping(words: Words, *length: int) -> list[list[Any]]:
    """Each line is shown until the next but one begins."""
    lines = lines_of(words, *length)
    starts = [line[0][0] for line in lines] + [words[-1][1]] * 2
    return [[starts[n], starts[n + 2], text_of(line)] for n, line in enumerate(lines)]


def rolling(words: Words, *length: int) -> list[list[Any]]:
    """WebVTT as YouTube gives it, without its tags: two rows, and cues of 10 ms between."""
    lines = lines_of(words, *length)
    starts = [line[0][0] for line in lines] + [words[-1][1]]
    cues: list[list[Any]] = []
    before = " "
    for n, line in enumerate(lines):
        text = text_of(line)
        last = max(starts[n + 1] - 0.01, starts[n])
        cues.append([starts[n], last, f"{before}\n{text}"])
        cues.append([last, starts[n + 1], f"{text}\n "])
        before = text
    return cues


def rolling_rows(words: Words, *length: int) -> list[list[Any]]:
    """The same, each row a caption of its own, as after `sed` and friends."""
    return [
        [start, end, row]
        for start, end, text in rolling(words, *length)
        for row in text.split("\n")
        if row.strip()
    ]


def growing(words: Words, *length: int) -> list[list[Any]]:
    """Live captions: a line is shown anew with each word."""
    cues = []
    for line in lines_of(words, *length):
        for n, (start, end, _) in enumerate(line):
            cues.append(
                [start, line[n + 1][0] if n + 1 < len(line) else end, text_of(line[: n + 1])]
            )
    return cues


def tagged(words: Words, *length: int) -> list[list[Any]]:
    """Rolling WebVTT with the tags of its words."""
    cues = rolling(words, *length)
    for cue, line in zip(cues[::2], lines_of(words, *length), strict=True):
        before = cue[2].partition("\n")[0]
        cue[2] = f"{before}\n{line[0][2]}" + "".join(
            f"<00:{int(start // 60):02}:{start % 60:06.3f}><c> {word}</c>"
            for start, _, word in line[1:]
        )
    return cues


def single(words: Words, *_length: int) -> list[list[Any]]:
    """The events of json3: each word until the next one begins."""
    ends = [word[0] for word in words[1:]] + [words[-1][1]]
    return [[word[0], end, word[2]] for word, end in zip(words, ends, strict=True)]


def cut(subtitles: list[list[Any]]) -> VideoClips:
    line = orjson.dumps({"video": "v", "subtitles": subtitles})
    (video,) = clip_captions([(1, line)], ClipOptions())
    return video


@pytest.fixture(scope="module")
def spoken(test_data: Path) -> list[Words]:
    """The words of twelve videos, without those of no length, which no layout shows."""
    records = read_jsonl(test_data / "captions/english_asr_words.jsonl")
    videos = []
    for record in records:
        words, last, sound = [], -1.0, False
        for start, end, word in record["content"]:
            sound = sound or word.startswith("[")
            if sound:
                # A description of music.
                sound = not word.endswith("]")
            elif words and word[0] in "-'%":
                # Whisper's pieces of words.
                words[-1][1:] = [end, words[-1][2] + word]
            elif start > last and end > start:
                # Captions of YouTube never begin together.
                words.append([start, end, word])
                last = start
        videos.append(words)
    # One has two words, which are no track.
    videos = [words for words in videos if len(words) > 2]
    assert len(videos) == 11
    return videos


@pytest.mark.parametrize("length", LINE_CHARACTERS)
@pytest.mark.parametrize("layout", [overlapping, rolling, rolling_rows, growing, tagged, single])
def test_words_come_back_in_time(
    spoken: list[Words], layout: Callable[..., list[list[Any]]], length: int
) -> None:
    errors: list[float] = []
    for words in spoken:
        video = cut(layout(words, length))
        transcript = video.transcript
        assert transcript is not None
        # None missing, none twice: the text is that of the plain words.
        assert list(transcript.words) == [word for _, _, word in words]
        assert (np.diff(transcript.start) >= 0).all()
        errors += np.abs(np.asarray(transcript.start) - [start for start, _, _ in words]).tolist()
    # Times of words are in tenths of a second.
    assert np.median(errors) <= 0.1 + 1e-9
    assert np.mean(errors) <= 0.16
    assert np.mean(np.array(errors) <= 1) >= 0.98


def test_without_the_cut_words_come_late(spoken: list[Words]) -> None:
    """The test above bites: paper mode takes the ends as they are."""
    line = orjson.dumps({"video": "v", "subtitles": overlapping(spoken[0])})
    (video,) = clip_captions([(1, line)], ClipOptions(mode="paper"))
    assert video.transcript is not None
    assert (np.diff(video.transcript.start) < 0).sum() > 50
