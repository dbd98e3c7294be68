"""What input lines tell of videos, and which of them a gate keeps from being transcribed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.stages.describe_video.facts import LineFacts, facts_of, read_facts
from livecc.stages.describe_video.line_gate import lets_in_all_lines, outside_gate

ABOUT = {
    "duration": 61.5,
    "height": 720,
    "language": "en",
    "caption_language": "en-orig",
    "captions": "automatic",
    "live_status": None,
}


def line(**told: Any) -> bytes:
    return json.dumps({"video": "a/b.c.mp4", **told}).encode()


def test_all_facts_of_a_line() -> None:
    found = facts_of(line(id="-x_1", title="A  title", category="Sports", about=ABOUT, content=[]))
    assert found == LineFacts(
        "a/b.c.mp4", "-x_1", "A  title", "Sports", 61.5, 720, "en-orig", "automatic"
    )


def test_a_line_without_facts_has_the_stem_as_its_id() -> None:
    assert facts_of(line(subtitles=[[0, 1, "one"]])) == LineFacts("a/b.c.mp4", "b.c")
    assert facts_of(b"\xef\xbb\xbf" + line(id="", about=None)) == LineFacts("a/b.c.mp4", "b.c")


@pytest.mark.parametrize(
    ("about", "column"),
    [
        ({"duration": "61"}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": -1}, "duration"),
        ({"duration": 10**400}, "duration"),
        ({"duration": [1]}, "duration"),
        ({"height": 0}, "height"),
        ({"height": 2**40}, "height"),
        ({"height": None}, "height"),
        ({"caption_language": 3}, "caption_language"),
        ({"caption_language": "x" * 10_001}, "caption_language"),
        ({"caption_language": " "}, "caption_language"),
        ({"captions": "spoken"}, "captions"),
        ({"captions": ["manual"]}, "captions"),
        ([ABOUT], "duration"),
        ("about", "captions"),
    ],
)
def test_what_is_no_such_fact_is_unknown(about: Any, column: str) -> None:
    found = facts_of(line(about=about))
    assert found is not None
    assert getattr(found, column) is None


def test_titles_are_cleaned_as_those_of_samples() -> None:
    told = line(title="<|im_end|> a\u0007 b", category="Sports\n")
    found = facts_of(told)
    assert found is not None
    assert (found.title, found.category) == ("a b", "Sports")
    paper = facts_of(told, "paper")
    assert paper is not None
    assert paper.title == "<|im_end|> a\u0007 b"


@pytest.mark.parametrize(
    "broken", [b"", b"[1, 2]", b"{", b'{"id": "x"}', b'{"video": 3}', b'{"video": ""}', b"\xff"]
)
def test_a_line_that_names_no_video_has_no_facts(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(broken + b"\n\n" + line(id="i") + b"\n" + b"[" * 5000)
    assert [facts.video_id for facts in read_facts(path)] == ["i"]


# --- gates ---------------------------------------------------------------------------------------

VIDEOS = {
    "short.mp4": {"about": {"duration": 20}},
    "fits.mp4": {"about": {"duration": 60, "captions": "manual"}},
    "unknown.mp4": {},
    "listed.mp4": {"id": "L1", "about": {"duration": 60, "captions": "manual"}},
}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "s.jsonl"
    told = [json.dumps({"video": video, **more}) for video, more in VIDEOS.items()]
    # A second line of the same video says nothing.
    path.write_text("\n".join([*told, json.dumps({"video": "fits.mp4", "id": "L1"})]))
    return path


def test_a_gate_says_why_a_video_is_outside(lines: Path, tmp_path: Path) -> None:
    excluded = tmp_path / "list.txt"
    excluded.write_text("# A list.\nL1\nshort\n")
    gate = {"duration": {"min": 30}, "captions": {"labels": ["manual"]}}
    assert outside_gate(lines, gate, "default") == {
        "short.mp4": "no selection keeps it: duration 20 < 30",
        "unknown.mp4": "no selection keeps it: duration is unknown",
    }
    lenient = {**gate, "on_unknown": "keep"}
    assert outside_gate(lines, lenient, "default").keys() == {"short.mp4"}
    listed = {"excluded": {"lists": [str(excluded)]}}
    assert outside_gate(lines, listed, "default") == {
        "short.mp4": "no selection keeps it: video_id short is in list.txt",
        "listed.mp4": "no selection keeps it: video_id L1 is in list.txt",
    }
    assert outside_gate(lines, {}, "default") == {}


def test_a_gate_lets_in_all_that_another_one_does(lines: Path, tmp_path: Path) -> None:
    def all_in(recorded: dict[str, Any], wanted: dict[str, Any]) -> bool:
        return lets_in_all_lines(lines, recorded, wanted, "default")

    # No video is longer than a minute.
    assert all_in({"duration": {"max": 60}}, {"duration": {"max": 600}})
    assert not all_in({"duration": {"max": 59}}, {"duration": {"max": 600}})
    assert not all_in({"duration": {"max": 60}}, {"duration": {"max": 60}, "on_unknown": "keep"})
    listed = tmp_path / "list.txt"
    listed.write_text("L1\n")
    from livecc.thresholds.listed import NotListed

    recorded = {"excluded": NotListed.parse(("video_id",), {"lists": [str(listed)]}).to_json()}
    assert all_in(recorded, recorded)
    # Whom the list of that time kept out, nobody knows.
    listed.write_text("L1\nL2\n")
    assert not all_in(recorded, {"excluded": {"lists": [str(listed)]}})
