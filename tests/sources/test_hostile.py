"""Files made to do harm: nothing happens but a reason."""

from __future__ import annotations

import json
import os
import pickle
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import orjson
import pyarrow
import pyarrow.parquet
import pytest

from livecc.errors import LiveccError
from livecc.sources.plain_pickle import items_of_dict
from livecc.sources.record import UnreadableError
from livecc.stages.clip_captions.cut import clip_captions
from tests.sources import caption_files
from tests.sources.caption_files import speech
from tests.sources.downloads import add_video, info, made, part, write
from tests.sources.readers.test_srt_and_xml import LAUGHS

CAPTIONS = caption_files.json3(speech(1))


def test_ids_that_are_paths_lead_nowhere(tmp_path: Path) -> None:
    for number, name in enumerate(["../../etc/passwd", "/etc/passwd", "..", "a/b", "https://x"]):
        write(tmp_path / "in" / f"{number}.info.json", info(name))
        write(tmp_path / "in" / f"{number}.en.json3", CAPTIONS)
    lines, _ = made(tmp_path, part("ytdlp", tmp_path / "in", video="v/{id}.mp4"))
    assert sorted(line["video"] for line in lines) == [
        *("v/...mp4", "v/.._.._etc_passwd.mp4", "v/_etc_passwd.mp4", "v/a_b.mp4"),
        "v/https:__x.mp4",
    ]


def test_paths_in_lines_are_refused_where_they_are_used(tmp_path: Path) -> None:
    values = [
        {"id": str(n), "video": video, "subtitles": [[0, 1, "x"]]}
        for n, video in enumerate(["../a.mp4", "/etc/passwd", "http://x/a.mp4", "a/../../b"])
    ]
    write(tmp_path / "j.jsonl", b"\n".join(map(orjson.dumps, values)))
    lines, _ = made(tmp_path, part("jsonl", tmp_path / "j.jsonl"))
    rows = [video.row for video in clip_captions(enumerate(orjson.dumps(line) for line in lines))]
    assert [row["status"] for row in rows] == ["failed"] * 4


def test_long_titles_and_control_characters(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    add_video(folder, "long", "long", title="t" * 10_000_000)
    add_video(folder, "odd", "odd", title="\x1b[2J\x00\u202e", channel="c\x1b" * 500)
    lines, _ = made(tmp_path, part("ytdlp", folder))
    found = {line["id"]: line for line in lines}
    assert found["long"]["problem"] == "its title is longer than 10,000 characters"
    assert len(json.dumps(found["long"])) < 2_000
    assert found["odd"]["title"] == "\x1b[2J\x00\u202e"
    assert found["odd"]["about"]["channel"] is None
    (row,) = [video.row for video in clip_captions([(1, orjson.dumps(found["long"]))])]
    assert (row["status"], row["reason"]) == ("failed", found["long"]["problem"])


def test_endless_captions(tmp_path: Path) -> None:
    text = "x" * 9_000_000
    data = orjson.dumps({"events": [{"tStartMs": 0, "segs": [{"utf8": text}]}]})
    write(tmp_path / "in" / "a.json3", data)
    (line,), _ = made(tmp_path, part("captions", tmp_path / "in"))
    assert line["problem"] == "its captions are longer than 8,000,000 characters"
    assert "subtitles" not in line


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.en.ttml", LAUGHS.encode(), "document type"),
        ("a.en.srv3", LAUGHS.encode(), "document type"),
        ("a.en.json3", b'{"events": ' + b"[" * 10**6, "no JSON"),
        ("a.en.vtt", b"\x00\xff\xfe", "not UTF-8"),
        ("a.en.srt", b"\x00" * 1000, "no caption"),
        ("a.en.vtt", b"WEBVTT\n\n" + b"00:00.000 --> 00:01.000\n" * 20_000, ""),
        ("a.en.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\n" + b"<" * 1_000_000, ""),
        ("a.en.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\n" + b"<c" * 300_000, ""),
        ("a.en.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\n<00:00:00.500>" + b"<c" * 200_000, ""),
        ("a.en.vtt", b"WEBVTT\n\n" + b"NOTE\n" * 200_000, ""),
        ("a.en.vtt", b"WEBVTT\n\n" + b"-->" * 300_000 + b"\n", "1 cue with text, none"),
        ("a.en.srt", b"1\n" * 300_000, "no caption"),
        ("a.en.srt", b"00:00:00,000 --> 00:00:01,000\n" * 20_000, "no caption"),
    ],
)
def test_hostile_captions(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    write(tmp_path / "in" / name, data)
    begin = time.process_time()
    (line,), _ = made(tmp_path, part("captions", tmp_path / "in"))
    assert time.process_time() - begin < 15
    assert reason in line.get("problem", "")
    assert bool(reason) == ("problem" in line)


def test_hostile_info_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name, data in {
        "deep": b'{"id": "deep", "x": ' + b"[" * 10**6 + b"]" * 10**6 + b"}",
        "half": b'{"id": "half", ',
        "list": b"[]",
        "nan": b'{"id": "nan", "duration": NaN, "formats": [{"vcodec": "x", "height": 1e999}]}',
        "odd": b'{"id": "odd", "title": ["x"], "categories": {"a": 1}, "subtitles": [],'
        b'"automatic_captions": {"en": {"url": 5}}, "formats": {"height": 5}, '
        b'"language": "\\ud800"}',
        "surrogate": b'{"id": "surrogate", "title": "a \\ud83d b"}',
    }.items():
        write(folder / f"{name}.info.json", data)
        write(folder / f"{name}.en.json3", CAPTIONS)
    lines, _ = made(tmp_path, part("ytdlp", folder))
    problems = {line["id"]: line.get("problem") for line in lines}
    assert "no JSON" in problems["deep"]
    assert "no JSON" in problems["half"]
    assert problems["list"] == "list.info.json: no JSON object"
    assert problems["nan"] is problems["odd"] is problems["surrogate"] is None
    found = {line["id"]: line for line in lines}
    assert found["nan"]["about"]["duration"] is found["nan"]["about"]["height"] is None
    assert found["odd"]["title"] == found["odd"]["category"] == ""
    assert found["surrogate"]["title"].startswith("a ")


def test_numbers_beyond_all_floats(tmp_path: Path) -> None:
    add_video(tmp_path / "in", "abc", "abc", duration=10**400)
    (line,), _ = made(tmp_path, part("ytdlp", tmp_path / "in"))
    assert "problem" not in line
    assert line["about"]["duration"] is None
    value = {"a": {"text": ["x", "y"], "start": [10**400, 1], "end": [10**401, 2]}}
    (line,), _ = made(
        tmp_path, part("vidchapters", write(tmp_path / "asr.pkl", pickle.dumps(value)))
    )
    assert line["subtitles"] == [[1, 2, "y"]]


def test_a_file_that_became_a_pipe_or_grew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecc.sources.folder_video.MAX_CAPTION_FILE_BYTES", 1000)
    write(tmp_path / "in" / "a.json3", CAPTIONS)
    (line,), _ = made(tmp_path, part("captions", tmp_path / "in"))
    assert "a.json3: larger than" in line["problem"]
    from livecc.sources.opening import read_file

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="no regular file"):
        read_file(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="cannot be read"):
        read_file(tmp_path / "nothing")


class Code:
    """What unpickles by calling a function."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/livecc-was-here",)


def laughing() -> bytes:
    value: list[object] = ["ha" * 1000]
    for _ in range(40):
        value = [value] * 10
    return pickle.dumps({"a": {"text": value, "start": value, "end": value}})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *(
            (pickle.dumps({"a": 1, "b": [Code()]}, protocol), "instruction")
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
        (pickle.dumps({"a": {1, 2}}), "instruction"),
        (pickle.dumps([1, 2]), "no dict"),
        (pickle.dumps({"a": "x" * 1000})[:500], "ends in the middle"),
        (b"", "ends in the middle"),
        (b"not a pickle", "instruction|no pickle"),
        # A memo of 2**32 entries, and a text of 2**60 bytes, asked for by a few bytes.
        (b"\x80\x04}r\xff\xff\xff\xffj\x05\x00\x00\x00.", "no pickle"),
        (b"\x80\x04}\x8d" + b"\x00" * 7 + b"\x10a.", "a text of more than"),
        (b"\x80\x04}\x95" + b"\xff" * 8, "ends in the middle"),
        (b"}u.", "no pickle"),
        (b"I" + b"9" * 100_000 + b"\n.", "endless|no pickle"),
        (b"(" * 100_000, "ends in the middle"),
    ],
)
def test_pickles_that_are_no_plain_values(tmp_path: Path, data: bytes, reason: str) -> None:
    path = write(tmp_path / "asr.pkl", data)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError, match=reason):
            list(items_of_dict(path))
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()
    assert not Path("/tmp/livecc-was-here").exists()
    _, left = made(tmp_path, part("vidchapters", path))
    assert len(left) == 1


def repeated(references: int) -> bytes:
    """A pickle of one text of a megabyte, and references to it."""
    text = b"X" + struct.pack("<I", 2**20) + b"w " * 2**19 + b"q\x01"
    times = b"](" + b"K\x00" * (references + 1) + b"e"
    texts = b"](" + text + b"h\x01" * references + b"e"
    key = {name: b"X" + struct.pack("<I", len(name)) + name for name in (b"text", b"start", b"end")}
    value = b"}(" + key[b"text"] + texts + key[b"start"] + times + key[b"end"] + times + b"u"
    return b"\x80\x02}(X\x01\x00\x00\x00a" + value + b"u."


@pytest.mark.parametrize(
    ("references", "reason"),
    [(100, "longer than 8,000,000 characters"), (100_000, "unpack to more than 200 times")],
)
def test_a_text_that_a_pickle_repeats(tmp_path: Path, references: int, reason: str) -> None:
    path = write(tmp_path / "asr.pkl", repeated(references))
    tracemalloc.start()
    try:
        lines, left = made(tmp_path, part("vidchapters", path))
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()
    [told] = [*(line["problem"] for line in lines), *(row["reason"] for row in left)]
    assert reason in told


def test_a_pickle_that_refers_to_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "asr.pkl", laughing())
    lines, (row,) = made(tmp_path, part("vidchapters", path))
    assert not lines
    assert "unpack to more than 200 times" in row["reason"]
    value: dict[str, object] = {}
    value["a"] = value
    path = write(tmp_path / "asr.pkl", pickle.dumps(value))
    lines, left = made(tmp_path, part("vidchapters", path))
    assert len(lines) + len(left) == 1


def list_of(values: pyarrow.Array) -> pyarrow.Array:
    """One row that holds all values."""
    return pyarrow.ListArray.from_arrays(pyarrow.array([0, len(values)], pyarrow.int32()), values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (5 * 10**6, "the row is larger than 32 MiB"),
        (6 * 10**6, "unpack to more than 200 times"),
    ],
)
def test_rows_of_a_table_that_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: int, reason: str
) -> None:
    """A few kilobytes on the disk."""
    row = list_of(pyarrow.array(np.zeros(values)))
    columns = {"id": ["abc"], "start": row, "end": row, "text": [["word"]]}
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")
    assert path.stat().st_size < 2**20
    # Of a gibibyte, which unpacks for free, a test takes too long.
    monkeypatch.setattr("livecc.files.foreign_parquet.most_unpacked", lambda _: 45_000_000)
    before = pyarrow.total_allocated_bytes()
    names = {"start": "start", "end": "end", "text": "text"}
    lines, (left,) = made(tmp_path, part("table", path, columns=names))
    assert not lines
    assert reason in left["reason"]
    assert pyarrow.total_allocated_bytes() - before < 2**20


def test_a_table_of_others_is_not_to_be_removed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", b"PAR1 not really")
    _, (left,) = made(tmp_path, part("table", path))
    assert "cannot be read as a Parquet table" in left["reason"]
    assert "remove" not in left["reason"]


def test_a_dump_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lines.jsonl")
    for path in (tmp_path / "lines.jsonl", Path("/dev/zero")):
        with pytest.raises(LiveccError, match="no regular file"):
            made(tmp_path, part("jsonl", path))
