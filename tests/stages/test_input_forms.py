"""Captions and words as other tools write them, each with what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from livecc.stages.input_forms import foreign_form

#: (subtitles, part of what it is called, part of what to do)
CAPTIONS: list[tuple[Any, str, str]] = [
    (
        [{"text": "hi", "start": 0.5, "duration": 2.0}] * 3,
        "youtube-transcript-api",
        "[start, start + duration, text]",
    ),
    (
        [{"start": "00:00:00.320", "end": "00:00:07.220", "lines": ["hello", "there"]}],
        "video2dataset",
        "its lines joined by a blank] with times as numbers of seconds",
    ),
    (
        {"en": [{"start": "00:00:00.320", "end": "00:00:07.220", "lines": ["hello"]}]},
        "a list under 'en' (objects with start, end and lines, as of video2dataset)",
        "[start, end, its lines joined by a blank]",
    ),
    (
        {"text": "hi", "language": "en", "segments": [{"start": 0.0, "end": 1.0, "text": "hi"}]},
        "segments of Whisper",
        "[start, end, text]",
    ),
    (
        {"events": [{"tStartMs": 0, "dDurationMs": 900, "segs": [{"utf8": "hi"}]}]},
        "json3",
        "tStartMs / 1000",
    ),
    ([{"timestamp": [0.0, 1.0], "text": "hi"}], "chunks of a transformers", "timestamp[0]"),
    ([{"from": 0, "to": 3, "said": "hi"}], "objects with the keys from, said, to", "in seconds"),
    ([["00:01", "00:02.5", "hi"]], "times as strings ('00:01')", "numbers of seconds"),
    ([["1.5", "2.5", "hi"]], "times as strings ('1.5')", "without quotes"),
    ([["hi", 0.0, 1.0]], "the text first", "[start, end, text]"),
    ([[[0.0, 1.0], "hi"]], "lists [[start, end], text]", "[start, end, text]"),
    ([[0.0, "hi"]], "lists of 2 values", "[start, end, text], in seconds"),
    (["hi", "there"], "texts without times", "[start, end, text], in seconds"),
    ("1\n00:00:01,000 --> 00:00:02,000\nhi\n", "SubRip or WebVTT", "each cue as"),
    ("talk.en.vtt", "the name of a file", "what is in the file"),
    ("just words", "text without times", "a list of"),
    (
        {"start": [0.0, 1.0], "end": [1.0, 2.0], "text": ["a", "b"]},
        "an object of columns (start, end, text)",
        "each row as [start, end, text]",
    ),
]


@pytest.mark.parametrize(("value", "what", "how"), CAPTIONS)
def test_forms_of_captions(value: Any, what: str, how: str) -> None:
    told = foreign_form({"video": "a.mp4", "subtitles": value}, "subtitles")
    assert told is not None
    assert told.startswith('"subtitles" holds ')
    assert what in told
    assert how in told
    assert told.endswith(' under "subtitles"')
    assert "\n" not in told


def test_words_are_written_as_words() -> None:
    words = [{"start": 0.0, "end": 0.4, "word": "hi", "probability": 0.9}]
    told = foreign_form({"content": words}, "content")
    assert told == (
        '"content" holds objects with start, end and word, as the words of Whisper; write each as '
        '[start, end, word] under "content"'
    )
    assert "[start, end, word]" in str(foreign_form({"content": ["a", "b"]}, "content"))


def test_other_keys() -> None:
    told = foreign_form({"captions": [[0.0, 1.0, "hi"]], "video": "a"}, "subtitles")
    assert told == 'the list is under "captions"; rename it to "subtitles"'
    told = foreign_form({"video": "a", "chunks": [{"timestamp": [0, 1], "text": "x"}]}, "subtitles")
    assert '"chunks" holds objects with timestamp and text' in str(told)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"subtitles": [[0.0, 1.0, "hi"], [1, 2, "there"]]},
        {"subtitles": []},
        {"subtitles": None},
        {"subtitles": 3},
        {"subtitles": {}},
        {"subtitles": [None, 5]},
        {"subtitles": [[0.0, 1.0, "hi"]] * 3 + [["1", "2", "hi"]]},
        {"title": "a", "video": "b"},
    ],
)
def test_nothing_to_say(record: dict[str, Any]) -> None:
    assert foreign_form(record, "subtitles") is None
