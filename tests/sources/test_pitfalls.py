"""What is easily read wrongly in downloads and dumps, each with the right value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.sources.choose import kind_of
from livecc.sources.facts import best_height, facts_of
from livecc.stages.clip_captions.cut import clip_captions
from livecc.stages.spans import ClipOptions
from tests.sources import caption_files
from tests.sources.caption_files import speech
from tests.sources.downloads import add_video, info, made, part, write


def test_1_the_height_is_that_of_the_best_format_with_pictures() -> None:
    said = info("a", height=360)
    assert facts_of(said).about["height"] == 1080
    assert best_height([{"vcodec": "none", "height": 4320}, {"height": 720}]) is None
    assert best_height(None) is best_height([None, {"vcodec": "x", "height": "?"}]) is None
    # YT-Temporal-180M took the 360p files.
    assert facts_of({"id": "a", "height": 360}).about["height"] is None


@pytest.mark.parametrize(
    ("language", "more", "kind"),
    [
        ("en-orig", {}, "automatic"),
        # "en" is there for every video: of an English one it is what was heard ...
        ("en", {}, "automatic"),
        ("en", {"automatic_captions": {"en": []}}, "automatic"),
        # ... and of others a machine translation.
        ("en", {"automatic_captions": {"en": [], "de-orig": []}, "language": "de"}, "translated"),
        ("en", {"automatic_captions": {"en": [], "de-orig": []}, "language": None}, "translated"),
        ("en", {"automatic_captions": {"en": [], "de": []}, "language": "de"}, "translated"),
        ("de", {}, "translated"),
        ("de", {"subtitles": {"de": []}}, "manual"),
        # Typed by people goes before what YouTube heard, under the same name.
        ("en", {"subtitles": {"en": []}}, "manual"),
        ("en-de", {"automatic_captions": {"en-de": [], "de": []}, "language": None}, "translated"),
        ("en", {"automatic_captions": {"en": []}, "language": None}, None),
        ("fr", {"automatic_captions": {}}, None),
        (
            "en",
            {
                "language": None,
                "automatic_captions": {"en": [{"url": "https://x/api?lang=de&tlang=en"}]},
            },
            "translated",
        ),
        (
            "en",
            {
                "language": None,
                "automatic_captions": {"en": [{"url": "https://x/api?kind=asr&lang=en"}]},
            },
            "automatic",
        ),
    ],
)
def test_2_machine_translations_are_told_from_what_was_heard(
    language: str, more: dict[str, Any], kind: str | None
) -> None:
    assert kind_of(language, info("a", **more)) == kind


def test_2_the_original_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "german", "a", language="de", automatic_captions={"de-orig": [], "en": []})
    (folder / "german.en-orig.json3").rename(folder / "german.de-orig.json3")
    write(folder / "german.en.json3", caption_files.json3(speech(2)))
    (line,), _ = made(tmp_path, part("ytdlp", folder))
    about = line["about"]
    assert (about["caption_language"], about["captions"]) == ("de-orig", "automatic")
    (line,), _ = made(tmp_path, part("ytdlp", folder, languages=["en"]))
    assert (line["about"]["captions"], line["about"]["caption_language"]) == ("translated", "en")
    one = part("ytdlp", folder, languages=["en"], prefer=["manual", "automatic"])
    (line,), _ = made(tmp_path, one)
    assert "no captions of a wanted language, kind and format; there are" in line["problem"]
    assert "en (translated, json3)" in line["problem"]
    assert line["about"]["captions"] == "none"


def words_of_clips(tmp_path: Path, name: str, data: bytes, mode: str = "default") -> list[str]:
    """The words that the clip stage makes of a caption file."""
    write(tmp_path / "in" / "a.info.json", info("a"))
    write(tmp_path / "in" / name, data)
    (line,), _ = made(tmp_path, part("ytdlp", tmp_path / "in"), mode=mode)
    options = ClipOptions(mode=mode)  # type: ignore[arg-type]
    (clips,) = clip_captions([(1, json.dumps(line).encode())], options)
    assert clips.transcript is not None
    return list(clips.transcript.words)


@pytest.mark.parametrize("mode", ["default", "paper"])
def test_3_rolling_captions_give_each_word_once(tmp_path: Path, mode: str) -> None:
    lines = [
        (n * 3000, 5000, [(i * 400, f"{' ' * bool(i)}word{n}x{i}") for i in range(6)])
        for n in range(30)
    ]
    words = words_of_clips(tmp_path, "a.en-orig.vtt", caption_files.vtt(lines), mode)
    assert words == [f"word{n}x{i}" for n in range(30) for i in range(6)]


def test_4_a_line_is_spoken_until_the_next_begins(tmp_path: Path) -> None:
    lines = [(n * 3000, 6000, [(0, f"a{n}"), (900, f" b{n}")]) for n in range(5)]
    write(tmp_path / "in" / "a.en-orig.json3", caption_files.json3(lines))
    (line,), _ = made(tmp_path, part("captions", tmp_path / "in"), mode="paper")
    assert [one[:2] for one in line["subtitles"][:-1]] == [[n * 3, n * 3 + 3] for n in range(4)]


def test_5_categories_and_other_fields_may_be_missing(tmp_path: Path) -> None:
    add_video(tmp_path / "in", "a", "a", categories=None, language=None, duration=None, formats=[])
    add_video(tmp_path / "in", "b", "b", categories=["Sports", "Gaming"], upload_date="soon")
    write(tmp_path / "in" / "c.info.json", {"id": "c"})
    write(tmp_path / "in" / "c.en.json3", caption_files.json3(speech(1)))
    lines, _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    found = {line["id"]: line for line in lines}
    assert found["a"]["category"] == ""
    about = found["a"]["about"]
    assert [about[name] for name in ("language", "duration", "height")] == [None, None, None]
    assert found["b"]["category"] == "Sports"
    assert found["b"]["about"]["upload_date"] is None
    unknown = {name for name, value in found["c"]["about"].items() if value is None}
    assert unknown == {
        *("duration", "height", "language", "live_status", "upload_date", "channel", "license"),
    }
    assert found["c"]["title"] == found["c"]["category"] == ""


@pytest.mark.parametrize(
    ("name", "write_captions"),
    [
        ("a.en-orig.json3", caption_files.json3),
        ("a.en-orig.vtt", caption_files.vtt),
        ("a.en-orig.srv3", caption_files.srv3),
    ],
)
def test_6_true_times_of_words_in_default_mode_and_lines_in_paper_mode(
    tmp_path: Path, name: str, write_captions: Any
) -> None:
    lines = [(1000, 3000, [(0, "so"), (1700, " late"), (1900, " words")])]
    write(tmp_path / "in" / name, write_captions(lines))
    one = part("captions", tmp_path / "in")
    (line,), _ = made(tmp_path, one)
    assert [(start, word) for start, _, word in line["subtitles"]] == [
        (1.0, "so"),
        (2.7, "late"),
        (2.9, "words"),
    ]
    (line,), _ = made(tmp_path, one, mode="paper")
    assert [word for _, _, word in line["subtitles"]] == ["so late words"]


def test_7_marks_are_taken_out_by_the_one_cleaning(tmp_path: Path) -> None:
    texts = [">> so", " we", "[Music]", " it&#39;s", " ♪", " [ __ ]", " (laughter)", " AT&amp;T"]
    lines = [(0, 5000, [(i * 1000, text) for i, text in enumerate(texts)])]
    words = words_of_clips(tmp_path, "a.en-orig.json3", caption_files.json3(lines))
    assert words == ["so", "we", "it's", "AT&T"]


def test_8_manual_captions_go_before_automatic_ones(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "a", "a", subtitles={"en-GB": [], "de": []})
    write(folder / "a.en-GB.vtt", b"WEBVTT\n\n00:00.000 --> 00:02.000\ntyped\n")
    write(folder / "a.de.vtt", b"WEBVTT\n\n00:00.000 --> 00:02.000\ngetippt\n")
    (line,), _ = made(tmp_path, part("ytdlp", folder))
    assert line["subtitles"] == [[0, 2, "typed"]]
    assert line["about"]["captions"] == "manual"
    (line,), _ = made(tmp_path, part("ytdlp", folder, languages=["de", "en"]))
    assert line["subtitles"] == [[0, 2, "getippt"]]
    (line,), _ = made(tmp_path, part("ytdlp", folder, prefer=["automatic", "manual"]))
    assert line["about"]["captions"] == "automatic"
    write(folder / "a.en-GB.srt", b"1\n00:00:00,000 --> 00:00:02,000\nsrt\n")
    one = part("ytdlp", folder, caption_formats=["srt", "vtt"], languages=["en"])
    (line,), _ = made(tmp_path, one)
    assert line["subtitles"] == [[0, 2, "srt"]]


def test_9_playlists_and_streams(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "list.info.json", {"id": "PL1", "_type": "playlist", "title": "x"})
    add_video(folder, "live", "live", live_status="was_live")
    add_video(folder, "old", "old", live_status=None, is_live=True)
    lines, left = made(tmp_path, part("ytdlp", folder))
    assert {line["id"]: line["about"]["live_status"] for line in lines} == {
        "live": "was_live",
        "old": "is_live",
    }
    assert [(row["id"], row["reason"]) for row in left] == [
        ("PL1", "the info file of a playlist, not of a video")
    ]


def test_10_a_caption_file_that_is_broken_gives_way_to_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "a", "a")
    write(folder / "a.en-orig.json3", b'{"events": [')
    write(folder / "a.en-orig.vtt", caption_files.vtt(speech(3)))
    (line,), _ = made(tmp_path, part("ytdlp", folder))
    assert line["subtitles"]
    (folder / "a.en-orig.vtt").unlink()
    (line,), _ = made(tmp_path, part("ytdlp", folder))
    assert line["problem"].startswith("a.en-orig.json3: no JSON")
    assert "subtitles" not in line
