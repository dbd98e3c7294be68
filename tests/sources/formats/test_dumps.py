"""Dumps: hand-made rows with the field names of the published files."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import pytest

from livecc.errors import LiveccError
from livecc.sources.plain_pickle import items_of_dict
from tests.sources.downloads import made, part, write


def one(tmp_path: Path, *parts: Any) -> dict[str, Any]:
    (line,), left = made(tmp_path, *parts)
    assert left == []
    return line


def test_yttemporal1b(tmp_path: Path) -> None:
    row = {
        "id": "abc",
        "webpage_url": "http://www.youtube.com/watch?v=abc",
        "duration": 61,
        "subtitles_words": ["so", "here", "we", "go"],
        "subtitles_t_start": [0.0, 0.5, 1.0, 2.0],
        "subtitles_t_end": [0.5, 1.0, 1.0, 2.25],
    }
    bad = [{**row, "id": "short", "subtitles_t_end": [1]}, {**row, "id": "none"}, {"x": 1}]
    del bad[1]["subtitles_words"]
    data = b"".join(orjson.dumps(value) + b"\n" for value in [row, *bad])
    path = write(tmp_path / "yttemporal1b_train_0000of1024.jsonl.gz", gzip.compress(data))
    lines, left = made(tmp_path, part("yttemporal1b", path.parent))
    found = {line["id"]: line for line in lines}
    # A word without length lasts until the next one.
    assert found["abc"]["subtitles"] == [
        [0.0, 0.5, "so"],
        [0.5, 1.0, "here"],
        [1.0, 2.0, "we"],
        [2.0, 2.25, "go"],
    ]
    assert (
        found["abc"]["about"] | {"duration": 61, "captions": "automatic"} == found["abc"]["about"]
    )
    assert "different lengths: 4, 1 and 4" in found["short"]["problem"]
    assert "are not lists" in found["none"]["problem"]
    assert [row["reason"] for row in left] == ["there is no id"]


def test_yttemporal180m(tmp_path: Path) -> None:
    row = {
        "info": {
            "id": "abc",
            "title": "T",
            "duration": 255,
            "categories": ["Howto & Style"],
            "height": 360,
            "upload_date": "20171229",
            "channel": None,
            "uploader": "Somebody",
        },
        "subtitles": [
            *({"word": "guys", "time": 0.0}, {"word": "this", "time": 0.179}),
            *({"word": "is", "time": 3.0}, {"word": "", "time": 4.0}, {"time": 5.0}),
        ],
        "denoised": [{"cleanasr": "Guys, this is."}],
    }
    path = write(tmp_path / "yttemporal180m_000of100.jsonl.gz", gzip.compress(orjson.dumps(row)))
    line = one(tmp_path, part("yttemporal180m", path))
    assert line["subtitles"] == [[0.0, 0.179, "guys"], [0.179, 1.679, "this"], [3.0, 4.5, "is"]]
    about = line["about"]
    assert (line["title"], line["category"], about["duration"]) == ("T", "Howto & Style", 255)
    assert (about["height"], about["channel"]) == (None, "Somebody")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_vidchapters(tmp_path: Path, protocol: int) -> None:
    asr = {
        f"v{n}": {"text": [" Hello", "wörld 🎉"], "start": [0.0, 2], "end": [1.5, 10.25]}
        for n in range(2500)
    }
    chapters = {
        "v7": {"chapters": [{"label": "x", "time": 0}], "duration": 99, "categories": ["Gaming"]}
    }
    write(tmp_path / "asr.pkl", pickle.dumps(asr, protocol))
    write(tmp_path / "chapters.json", orjson.dumps(chapters))
    assert dict(items_of_dict(tmp_path / "asr.pkl")) == asr
    lines, left = made(tmp_path, part("vidchapters", tmp_path))
    found = {line["id"]: line for line in lines}
    assert left == []
    assert len(found) == 2500
    assert found["v7"]["subtitles"] == [[0.0, 1.5, " Hello"], [2, 10.25, "wörld 🎉"]]
    assert (found["v7"]["category"], found["v7"]["about"]["duration"]) == ("Gaming", 99)
    assert found["v8"]["category"] == ""


@pytest.mark.parametrize(
    "value",
    [
        {"a": (1, 2.5, -3, 2**31, 2**70, -(2**40)), "b": (), "c": (1,), "d": (1, 2)},
        {"x": [None, True, False, {"y": {}}, [], "é" * 300, ""]},
        {},
        {"big": "x" * 100_000, "again": ["x" * 70_000] * 3},
        {"shared": [["a"]] * 5, 1: "key", "many": list(range(3000))},
    ],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_pickles_are_read_as_pickle_reads_them(
    tmp_path: Path, protocol: int, value: dict[Any, Any]
) -> None:
    path = write(tmp_path / "x.pkl", pickle.dumps(value, protocol))
    assert dict(items_of_dict(path)) == value


def test_howto100m(tmp_path: Path) -> None:
    captions = {
        "abc": {"start": [0.0, 2.0], "end": [5.0, 4.0], "text": ["one", "two"]},
        "bad": {"start": [0.0], "end": [], "text": []},
    }
    write(tmp_path / "raw_caption.json", json.dumps(captions, indent=1))
    write(
        tmp_path / "HowTo100M_v1.csv",
        "video_id,category_1,category_2,rank,task_id\nabc,Home and Garden,x,1,2\nonly,Cars,y,1,3\n",
    )
    lines, left = made(tmp_path, part("howto100m", tmp_path))
    found = {line["id"]: line for line in lines}
    assert found["abc"]["subtitles"] == [[0.0, 5.0, "one"], [2.0, 4.0, "two"]]
    # WikiHow's categories are not YouTube's.
    assert found["abc"]["category"] == found["only"]["category"] == ""
    assert "different lengths" in found["bad"]["problem"]
    assert "no captions" in found["only"]["problem"]
    assert left == []


@pytest.mark.parametrize(
    ("data", "good", "reason"),
    [
        (b'{"a": {"start": [], "end": [], "text": []}, "b": {"sta', 1, "not JSON"),
        (b"[1, 2]", 0, "not JSON|no"),
        (b"", 0, "not JSON"),
        (b'{"a": ' + b"[" * 200_000, 0, "not JSON"),
        (b'{"a": {"text": ["' + b"x" * 40_000_000, 0, "more than 32 MiB"),
        (b'{"a": "\xff"}', 0, "not JSON"),
    ],
)
def test_objects_that_are_broken(tmp_path: Path, data: bytes, good: int, reason: str) -> None:
    import re

    write(tmp_path / "raw_caption.json", data)
    lines, left = made(tmp_path, part("howto100m", tmp_path))
    assert len([line for line in lines if "problem" not in line]) == good
    assert any(re.search(reason, row["reason"]) for row in left) or (not left and data[:1] == b"[")


def test_hdvila(tmp_path: Path) -> None:
    rows = [
        {"video_id": "abc", "url": "https://www.youtube.com/watch?v=abc", "clip": []},
        {"url": "https://www.youtube.com/watch?v=v0YEaeIClKY"},
        {"clip": []},
    ]
    write(tmp_path / "hdvila.jsonl", b"\n".join(map(orjson.dumps, rows)))
    lines, left = made(tmp_path, part("hdvila", tmp_path))
    assert sorted(line["id"] for line in lines) == ["abc", "v0YEaeIClKY"]
    assert [row["path"].rpartition(", ")[2] for row in left] == ["line 3"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_table(tmp_path: Path, kind: str) -> None:
    captions = [[0.0, 1.5, "one, two"], [2, 3, 'a "quote"\n']]
    columns = {
        "vid": ["a", "b", None, "d"],
        "name": ["Title é", None, "x", "y"],
        "subs": [captions, None, captions, [[1]]],
        "seconds": [12.5, None, 1, 2],
        "kind": ["manual", "odd", None, None],
    }
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        import csv

        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            for row in zip(*columns.values(), strict=True):
                writer.writerow(
                    json.dumps(value) if isinstance(value, list) else value for value in row
                )
    else:
        columns["subs"] = [
            [
                {"start": 0.0, "end": 1.5, "text": "one, two"},
                {"start": 2, "end": 3, "text": 'a "quote"\n'},
            ],
            None,
            None,
            [{"start": None, "end": 1, "text": None}],
        ]
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    names = {"id": "vid", "title": "name", "subtitles": "subs", "duration": "seconds"}
    lines, left = made(tmp_path, part("table", path, columns={**names, "captions": "kind"}))
    found = {line["id"]: line for line in lines}
    assert found["a"]["subtitles"] == captions
    assert found["a"]["title"] == "Title é"
    assert (found["a"]["about"]["duration"], found["a"]["about"]["captions"]) == (12.5, "manual")
    assert "no captions" in found["b"]["problem"]
    assert found["b"]["about"]["captions"] is found["b"]["about"]["duration"] is None
    assert ("problem" in found["d"]) == (kind == "csv")
    assert [row["reason"] for row in left] == ["it has no id"]


def test_table_of_parallel_lists(tmp_path: Path) -> None:
    columns = {"id": ["a"], "s": [[0.0, 1.0]], "e": [[1.0, 2.0]], "t": [["x", "y"]]}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    names = {"start": "s", "end": "e", "text": "t"}
    line = one(tmp_path, part("table", tmp_path, columns=names))
    assert line["subtitles"] == [[0.0, 1.0, "x"], [1.0, 2.0, "y"]]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_that_is_named_must_be_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        path.write_text("id,name\na,b\n")
    else:
        pyarrow.parquet.write_table(pyarrow.table({"id": ["a"], "name": ["b"]}), path)
    with pytest.raises(LiveccError) as raised:
        made(tmp_path, part("table", path, columns={"title": "nmae"}))
    told = "has no column 'nmae', which columns.title names (did you mean 'name'?); it has id, name"
    assert told in str(raised.value)
    assert made(tmp_path, part("table", path, columns={"title": "name"}))[0][0]["title"] == "b"


def test_a_header_that_cannot_be_read_is_told_before_its_names_are(tmp_path: Path) -> None:
    """Whatever columns the options name: none of them would be found."""
    path = write(tmp_path / "t.csv", "vid,name\na,b\n".encode("utf-16"))
    _, (left,) = made(tmp_path, part("table", path, columns={"id": "vid"}))
    assert "save the table as UTF-8" in left["reason"]


def test_tables_that_are_broken(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 'id,title\n1,"open\n' + "x" * 40_000_000)
    write(tmp_path / "b.csv", "id,title\n1\n2,two,three\n3,ok\n\n")
    write(tmp_path / "c.parquet", b"PAR1 not really")
    write(tmp_path / "d.csv", "name\nx\n")
    write(tmp_path / "e.csv", "id,title\n4,four\n".encode("utf-16"))
    write(tmp_path / "f.csv", "id,title,title,,\n5,a,b,,\n")
    lines, left = made(tmp_path, part("table", tmp_path))
    assert {line["id"] for line in lines} == {"1", "3"}
    reasons = " ".join(row["reason"] for row in left)
    for words in (
        "longer than 32 MiB",
        "1 values, but the header has 2",
        "Parquet",
        "no column 'id'",
        "save the table as UTF-8",
        "the header has 'title' twice",
    ):
        assert words in reasons
