"""The JSON of Whisper, faster-whisper and WhisperX."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from livecc.formats.input_lines import BadRecordError
from livecc.stages.import_transcripts.shard import words_of
from tests.sources.downloads import listed, made, part, reasons, write

WORDS = {
    "language": "en",
    "segments": [
        {
            "start": 0.0,
            "end": 2.0,
            "text": " So high-speed 3 cars",
            "words": [
                {"word": " So", "start": 0.0, "end": 0.4, "probability": 0.9},
                {"word": " high", "start": 0.4, "end": 0.8, "probability": 0.9},
                {"word": "-speed", "start": 0.8, "end": 1.0, "probability": 0.9},
                {"word": " 3"},
                {"word": " cars", "start": 1.5, "end": 2.00000001, "score": 0.5},
            ],
        },
        {"start": 3.0, "end": 4.0, "text": " no words"},
    ],
}


def test_words_become_content(tmp_path: Path) -> None:
    write(tmp_path / "in" / "sub" / "a.b.json", orjson.dumps(WORDS))
    write(tmp_path / "in" / "sub" / "a.b.mp4", b"")
    (line,), left = made(tmp_path, part("whisper", tmp_path / "in"))
    assert left == []
    assert (line["id"], line["video"]) == ("a.b", "sub/a.b.mp4")
    assert "subtitles" not in line
    assert line["content"] == [
        [0.0, 0.4, " So"],
        [0.4, 0.8, " high"],
        [0.8, 1.0, "-speed"],
        [None, None, " 3"],
        [1.5, 2.0, " cars"],
        [3.0, 4.0, " no words"],
    ]
    assert line["about"]["caption_language"] == "en"
    words, dropped = words_of(line, "default")
    assert [word for _, _, word in words] == ["So", "high-speed", "3", "cars", "no", "words"]
    assert dropped == {}


def test_words_as_captions(tmp_path: Path) -> None:
    value = {**WORDS, "segments": [WORDS["segments"][1], dict(WORDS["segments"][0])]}
    value["segments"][1]["words"] = [
        word for word in WORDS["segments"][0]["words"] if "start" in word
    ]
    write(tmp_path / "in" / "a.json", orjson.dumps(value))
    one = part("whisper", tmp_path / "in", as_captions=True)
    (line,), _ = made(tmp_path, one)
    assert line["subtitles"] == [
        [3.0, 4.0, "no words"],
        [0.0, 0.4, "So"],
        [0.4, 1.0, "high-speed"],
        [1.5, 2.0, "cars"],
    ]
    (line,), _ = made(tmp_path, one, mode="paper")
    assert [text for _, _, text in line["subtitles"]] == ["no words", "So high-speed 3 cars"]


def test_a_list_of_segments_and_names_with_the_suffix_of_the_sound(tmp_path: Path) -> None:
    write(tmp_path / "in" / "talk.wav.json", orjson.dumps(WORDS["segments"]))
    write(tmp_path / "in" / "other.json", b"{}")
    write(tmp_path / "in" / "half.json", b'{"segments": [')
    nan = b'{"text": "x", "start": NaN, "end": 1}, {"text": "y", "start": 1, "end": 2}'
    write(tmp_path / "in" / "nan.json", b'{"segments": [' + nan + b"]}")
    write(tmp_path / "in" / "x.info.json", b"{}")
    write(tmp_path / "in" / "x.live_chat.json", b"{}")
    lines, left = made(tmp_path, part("whisper", tmp_path / "in"))
    found = {line["id"]: line for line in lines}
    assert found.keys() == {"talk", "half", "nan"}
    assert len(found["talk"]["content"]) == 6
    assert "no JSON" in found["half"]["problem"]
    assert found["nan"]["content"] == [[None, 1, "x"], [1, 2, "y"]]
    assert [(row["id"], "not of Whisper" in row["reason"]) for row in left] == [("other", True)]
    with listed(part("whisper", tmp_path / "in")) as listing:
        assert sum(reasons(listing).values()) == 2


@pytest.mark.parametrize("name", ["sy1_whisper.json", "sy2_whisper.json"])
def test_real_files(test_data: Path, tmp_path: Path, name: str) -> None:
    data = (test_data / "captions" / name).read_bytes()
    write(tmp_path / "in" / name, data)
    (line,), _ = made(tmp_path, part("whisper", tmp_path / "in"))
    words, dropped = words_of(line, "default")
    said = " ".join(segment["text"] for segment in orjson.loads(data)["segments"])
    assert " ".join(word for _, _, word in words) == " ".join(said.split())
    assert set(dropped) <= {"empty"}


def test_a_problem_is_the_reason_in_the_stage_that_reads_words(tmp_path: Path) -> None:
    write(tmp_path / "in" / "half.json", b'{"segments": [')
    (line,), _ = made(tmp_path, part("whisper", tmp_path / "in"))
    with pytest.raises(BadRecordError, match="no JSON") as caught:
        words_of(line, "default")
    assert caught.value.video == "half.mp4"


@pytest.mark.parametrize("as_captions", [True, False])
@pytest.mark.parametrize("words", [[], [{"word": " a"}, {"word": " b", "start": float("nan")}]])
def test_words_without_any_time_have_a_reason(
    tmp_path: Path, words: list[object], as_captions: bool
) -> None:
    value = {"segments": [{"text": " a b", "words": words}, {"start": 1, "end": 2, "text": " "}]}
    write(tmp_path / "in" / "a.json", json.dumps(value))
    (line,), _ = made(tmp_path, part("whisper", tmp_path / "in", as_captions=as_captions))
    assert line.get("problem") == "no captions: 1 segment with text, none with a usable time"
    assert "content" not in line
    assert "subtitles" not in line


def test_content_without_any_time_has_no_words() -> None:
    line = {"video": "a.mp4", "content": [[None, None, "a"], [0.5, None, "b"]]}
    assert words_of(line, "default") == ([], {"without times": 2})
