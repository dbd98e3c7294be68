"""WebVTT: rolling automatic captions, plain ones, and text that looks like a cue."""

from __future__ import annotations

import pytest

from livecc.sources.readers.vtt import read
from livecc.sources.record import UnreadableError

ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.000 --> 00:00:02.060 align:start position:0%
~
guys<00:00:00.179><c> this</c><00:00:00.359><c> is</c>

00:00:02.060 --> 00:00:02.070 align:start position:0%
guys this is
~

00:00:02.070 --> 00:00:03.740 align:start position:0%
guys this is
okay

00:00:03.740 --> 00:00:03.750 align:start position:0%
okay
~

00:00:03.750 --> 00:00:05.000 align:start position:0%
okay
okay<00:00:04.000><c> sauce</c>

00:00:05.000 --> 00:00:09.000 align:start position:0%
~
[Music]
""".replace("~", " ")


def test_every_word_comes_once_at_its_time() -> None:
    track = read(ROLLING.encode())
    assert track.language == "en"
    assert track.words == [
        *((0.0, 0.179, "guys"), (0.179, 0.359, "this"), (0.359, 1.859, "is")),
        *((2.07, 3.57, "okay"), (3.75, 4.0, "okay"), (4.0, 5.0, "sauce")),
        (5.0, 6.5, "[Music]"),
    ]
    assert [text for _, _, text in track.lines] == ["guys this is", "okay", "okay sauce", "[Music]"]


def test_line_ends_of_other_systems() -> None:
    for ends in ("\r\n", "\r"):
        assert read(ROLLING.replace("\n", ends).encode()).words == read(ROLLING.encode()).words
    assert read(b"\xef\xbb\xbf" + ROLLING.encode()).words == read(ROLLING.encode()).words
    assert read(ROLLING.rstrip().encode()).words == read(ROLLING.encode()).words


def test_entities_and_colours_of_words() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:02.000\n&gt;&gt; it&#39;s"
        "<00:00:01.000><c.colorE5E5E5> AT&amp;T</c><00:00:01.500><c>&nbsp;now</c>\n"
    )
    words = [word for _, _, word in read(text.encode()).words or ()]
    assert words == [">>", "it's", "AT&T", "now"]


def test_text_behind_a_word_and_blank_words() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:03.000\nwe<00:00:01.000><c> go</c> on\n\n"
        "00:03.000 --> 00:06.000\n"
        "&gt;&gt; well<00:00:04.000><c> &nbsp;</c><00:00:05.000><c> so</c>\n"
    )
    assert [(start, word) for start, _, word in read(text.encode()).words or ()] == [
        *((0.0, "we"), (1.0, "go"), (1.75, "on")),
        *((3.0, ">>"), (3.75, "well"), (5.0, "so")),
    ]


@pytest.mark.parametrize("hours", ["700", "9" * 9, "9" * 12, "9" * 400, "9" * 5000])
def test_hours_of_any_number(hours: str) -> None:
    timing = f"{hours}:00:00.000 --> {hours}:00:02.000"
    track = read(
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n \nwe<00:00:00.500><c> go</c>\n\n"
        f"{timing}\n \nfar\n\n{timing}\n \nwe<{hours}:00:01.000><c> go</c>\n".encode()
    )
    assert track.words is not None
    assert track.words[:2] == [(0.0, 0.5, "we"), (0.5, 2.0, "go")]
    if len(hours) < 10:
        start = int(hours) * 3600
        assert [(one, text) for one, _, text in track.words[2:]] == [
            *((start, "far"), (start + 0.5, "we"), (start + 1.0, "go"))
        ]


def test_words_without_a_cue() -> None:
    track = read(b"WEBVTT\n\nNOTE we<00:00:00.500><c> go</c>\n\n00:00.000 --> 00:01.000\n \n")
    assert track.words == track.lines == []


def test_plain_captions() -> None:
    text = """WEBVTT - a title

NOTE not said
00:00:00.000 --> 00:00:01.000

STYLE
::cue { color: red }

1
00:01.000 --> 00:02.500 line:0
- Hello {a, b}
- <x, y> &amp; more

01:00:00.000 --> 01:00:01.000
a --> b

01:00:02.000 --> 01:00:03.000
~

01:00:04.000 --> 01:00:05.000
no blank line
01:00:06.000 --> 01:00:07.000
between
""".replace("~", " ")
    track = read(text.encode())
    assert track.words is None
    assert track.lines == [
        (1.0, 2.5, "- Hello {a, b} - <x, y> & more"),
        (3600.0, 3601.0, "a --> b"),
        (3604.0, 3605.0, "no blank line"),
        (3606.0, 3607.0, "between"),
    ]


def test_a_line_again_after_a_pause_is_said_again() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:01.000\ngo<00:00:00.500><c> on</c>\n\n"
        "00:05.000 --> 00:06.000\ngo on\n"
    )
    assert [text for _, _, text in read(text.encode()).lines] == ["go on", "go on"]


@pytest.mark.parametrize("data", [b"", b"1\n00:00:00,000 --> 00:00:01,000\nsrt\n", b"<html>"])
def test_other_files_have_a_reason(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="WEBVTT"):
        read(data)


def test_not_utf8() -> None:
    with pytest.raises(UnreadableError, match="not UTF-8"):
        read(b"WEBVTT\n\n00:00.000 --> 00:01.000\n\xff\xe9\n")
