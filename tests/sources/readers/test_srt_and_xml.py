"""SubRip, TTML, srv1 to srv3: what they keep, and what hostile ones do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from livecc.sources.readers import srt, srv, ttml, vtt
from livecc.sources.readers.track import Track
from livecc.sources.record import UnreadableError

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE tt [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a;" * 10 if not n else f"&a{n - 1};" * 10}">' for n in range(12))
    + ']><tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="0s" end="1s">&a11;</p></div>'
    "</body></tt>"
)


def test_srt_keeps_every_text() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,500\n{a, b} <x, y> <i>hi</i>\na < b & c\n\n"
        "2\n00:00:03.000 --> 00:00:04.000\nhere --> there\n\n"
        "3\n00:00:07,000-->00:00:08,000\nwithin\n\na blank line\n"
    )
    for ends in ("\n", "\r\n"):
        assert srt.read(text.replace("\n", ends).encode()).lines == [
            (1.0, 2.5, "{a, b} <x, y> <i>hi</i> a < b & c"),
            (3.0, 4.0, "here --> there"),
            (7.0, 8.0, "within  a blank line"),
        ]


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("100:00:01,000", 360_001.0),
        ("1:2:03,4", 3723.4),
        ("02:03,45", 123.45),
        ("123456:00:00.007", 444_441_600.007),
        ("00:00:01,123456", 1.123),
    ],
)
def test_srt_times_of_odd_length(stamp: str, seconds: float) -> None:
    ((start, end, text),) = srt.read(f"1\n00:00:00,5 --> {stamp}\nhi\n".encode()).lines
    assert (start, end, text) == (0.5, seconds, "hi")


@pytest.mark.parametrize("stamp", ["1234567890:00:01,000", "00:100:01,000"])
def test_srt_times_that_are_none_have_no_tail(stamp: str) -> None:
    with pytest.raises(UnreadableError, match="no caption"):
        srt.read(f"1\n00:00:00,5 --> {stamp}\nhi\n".encode())


@pytest.mark.parametrize(
    ("read", "text", "reason"),
    [
        (ttml.read, '<tt><p begin="soon">a</p><p>b</p><p/></tt>', "2 paragraphs with text, none"),
        (srv.read, '<timedtext><body><p t="x">a</p><p> </p></body></timedtext>', "1 line with"),
        (srv.read, '<transcript><text start="nan">a</text></transcript>', "1 line with text"),
        (srv.read, "<timedtext><text>a</text><text t='-1'>b</text></timedtext>", "2 lines with"),
        (vtt.read, "WEBVTT\n\n0:1 --> 0:2\na\n", "1 cue with text, none with a usable time"),
        (vtt.read, "WEBVTT\n\n0:1 --> 0:2\na<00:00:01.500><c> b</c>\n", "1 cue with text"),
    ],
)
def test_a_text_without_any_time_is_no_track(
    read: Callable[[bytes], Track], text: str, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(text.encode())


@pytest.mark.parametrize("name", ["sy1_en.srt", "sy1_uk.srt", "sy2_en.srt", "sy2_uk.srt"])
def test_real_srt(test_data: Path, name: str) -> None:
    path = test_data / "captions" / name
    text = path.read_text(encoding="utf-8-sig")
    lines = srt.read(path.read_bytes()).lines
    assert len(lines) == text.count(" --> ")
    assert all(start < end for start, end, _ in lines)
    said = " ".join(line for line in text.split("\n") if "-->" not in line and not line.isdigit())
    assert " ".join(" ".join(line for _, _, line in lines).split()) == " ".join(said.split())


def test_srt_of_something_else() -> None:
    with pytest.raises(UnreadableError, match="no caption"):
        srt.read(b"<html>hello</html>")
    assert srt.read(b"").lines == []


def test_ttml_times_and_texts() -> None:
    text = """<?xml version="1.0" encoding="utf-8" ?>
<tt xml:lang="en" xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter"
 ttp:frameRate="25" ttp:tickRate="10"><head><metadata>no</metadata></head><body><div>
<p begin="00:00:01.000" end="00:00:02.500" style="s1">{a, b} &lt;x, y&gt;<br />two
  <span>it <b>is</b></span> so</p>
<p begin="00:00:03:10" dur="2s">frames</p>
<p begin="75t" end="250f">ticks</p>
<p begin="1.5h" end="5401000ms"/>
<p>no time</p>
</div></body></tt>"""
    track = ttml.read(text.encode())
    assert track.language == "en"
    assert track.lines == [
        (1.0, 2.5, "{a, b} <x, y> two it is so"),
        (3.4, 5.4, "frames"),
        (7.5, 10.0, "ticks"),
    ]


def test_typed_srv3_and_srv1() -> None:
    text = '<timedtext format="3"><body><p t="1000" d="2000">two<br/>lines &amp; more</p></body>'
    assert srv.read(f"{text}</timedtext>".encode()).lines == [(1.0, 3.0, "two lines & more")]
    text = '<transcript><text start="1.5" dur="2">it&amp;#39;s</text><text dur="3">no</text>'
    assert srv.read(f"{text}</transcript>".encode()).lines == [(1.5, 3.5, "it's")]


@pytest.mark.parametrize("read", [ttml.read, srv.read])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_billion_laughs_are_refused(read: object, encoding: str) -> None:
    begin = time.process_time()
    with pytest.raises(UnreadableError, match="document type"):
        read(LAUGHS.encode(encoding))  # type: ignore[operator]
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("read", [ttml.read, srv.read])
@pytest.mark.parametrize(
    "data",
    [b"", b"WEBVTT", b"<tt", b"<html></html>", b"<a>" * 200_000, b"\xff\xfe<", b"\xe9"],
    ids=["empty", "vtt", "half", "html", "deep", "utf-16", "latin"],
)
def test_other_files_have_a_reason(read: object, data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(data)  # type: ignore[operator]


def test_deep_xml_that_closes() -> None:
    deep = "<s>" * 50_000 + "x" + "</s>" * 50_000
    text = f'<timedtext format="3"><body><p t="0" d="1">{deep}</p></body></timedtext>'
    assert srv.read(text.encode()).lines == [(0.0, 0.001, "x")]
    text = f'<tt xmlns="http://www.w3.org/ns/ttml"><p begin="0s" end="1s">{deep}</p></tt>'
    assert ttml.read(text.encode()).lines == [(0.0, 1.0, "x")]
