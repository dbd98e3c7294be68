"""Merging what belongs to a shard: order, first of several, facts of metadata, what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pyarrow
import pyarrow.parquet
import pytest

from livecc.sources.places import place_of, shard_at, shard_names
from tests.sources import caption_files
from tests.sources.caption_files import speech
from tests.sources.downloads import add_video, info, made, part, shards_of, write


def jsonl(path: Path, *values: object) -> Path:
    return write(path, b"".join(orjson.dumps(value) + b"\n" for value in values))


def line(name: str, **more: object) -> dict[str, object]:
    return {"video": f"{name}.mp4", "id": name, "subtitles": [[0, 1, name]], **more}


def test_the_order_over_all_shards_does_not_depend_on_their_number(tmp_path: Path) -> None:
    for number in range(30):
        add_video(tmp_path / "in", f"v{number}", f"id{number}")
    dump = jsonl(tmp_path / "dump.jsonl", *(line(f"dump{number}") for number in range(50)))
    parts = [part("ytdlp", tmp_path / "in"), part("jsonl", dump)]
    whole = []
    for count in (1, 4, 37):
        shards = shards_of(tmp_path / str(count), parts, count)
        for number, (lines, _) in enumerate(shards):
            for one in lines:
                assert shard_at(place_of(json.loads(one)["id"]), count) == number
        whole.append([one for lines, _ in shards for one in lines])
    assert whole[0] == whole[1] == whole[2]
    places = [place_of(json.loads(one)["id"]) for one in whole[0]]
    assert places == sorted(places)
    assert len(places) == 80


def test_names_of_shards() -> None:
    names = shard_names("downloads", 40)
    assert (names[7], len(names)) == ("downloads-00007-of-00040", 40)


def test_the_first_of_several_is_taken(tmp_path: Path) -> None:
    add_video(tmp_path / "one", "a", "a")
    add_video(tmp_path / "two", "other name", "a")
    add_video(tmp_path / "two", "b", "b")
    dump = jsonl(tmp_path / "dump.jsonl", line("b"), line("c"), line("c", title="again"))
    one, two = part("ytdlp", tmp_path / "one"), part("ytdlp", tmp_path / "two")
    lines, left = made(tmp_path / "x", one, two, part("jsonl", dump))
    assert {value["id"]: value["video"] for value in lines} == {
        "a": "a.mp4",
        "b": "b.mp4",
        "c": "c.mp4",
    }
    assert all(value.get("title") != "again" for value in lines)
    assert sorted((row["id"], row["source"], row["reason"]) for row in left) == [
        ("a", "ytdlp", "the same id is in part 1, which comes first"),
        ("b", "jsonl", "the same id is in part 2, which comes first"),
        ("c", "jsonl", "the same id comes before it in this part"),
    ]
    assert next(row["path"] for row in left if row["id"] == "a").endswith("/two/other name")
    lines, _ = made(tmp_path / "y", part("jsonl", dump), two, one)
    assert {value["id"]: value["video"] for value in lines}["a"] == "other name.mp4"


def test_ids_alone_give_way(tmp_path: Path) -> None:
    ids = jsonl(
        tmp_path / "hdvila.jsonl",
        *({"video_id": f"v{number}", "url": "", "clip": []} for number in range(2)),
    )
    add_video(tmp_path / "in", "v1", "v1")
    lines, left = made(tmp_path, part("hdvila", ids), part("ytdlp", tmp_path / "in"))
    found = {value["id"]: value for value in lines}
    assert found["v0"]["problem"] == "no captions: HD-VILA-100M has ids alone"
    assert found["v1"]["about"]["source"] == "ytdlp"
    assert left == []


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_facts_of_metadata_fill_what_is_unknown(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "in" / "a.en.json3", caption_files.json3(speech(1)))
    write(tmp_path / "in" / "b.en.json3", caption_files.json3(speech(1)))
    dump = jsonl(tmp_path / "dump.jsonl", line("c"), line("d", title="own", category="own"))
    file = tmp_path / f"facts.{kind}"
    names = ["a", "c", "d", "nobody"]
    if kind == "jsonl":
        jsonl(file, *(info(name) for name in names))
    elif kind == "csv":
        rows = "".join(f'{name},"Title, of {name}",Howto & Style,255,1080\n' for name in names)
        write(file, f"id,title,category,duration,height\n{rows}")
    else:
        table = {
            "id": names,
            "title": [f"Title of {name}" for name in names],
            "categories": [["Howto & Style", "x"]] * 4,
            "duration": [255] * 4,
            "height": [1080] * 4,
        }
        pyarrow.parquet.write_table(pyarrow.table(table), file)
    parts = [
        part("captions", tmp_path / "in", metadata=[str(file)]),
        part("jsonl", dump, metadata=[str(file)]),
    ]
    lines, left = made(tmp_path, *parts)
    found = {value["id"]: value for value in lines}
    for name in ("a", "c"):
        assert found[name]["title"].endswith(f"of {name}")
        assert found[name]["category"] == "Howto & Style"
        about = found[name]["about"]
        assert (about["duration"], about["height"]) == (255, 1080)
    assert found["b"]["title"] == ""
    assert (found["d"]["title"], found["d"]["category"]) == ("own", "own")
    assert found["d"]["about"]["duration"] == 255
    # Facts of each part about videos that it does not hold.
    assert len(left) == 2 * 4 - 3


def test_lines_of_yt_dlp_are_videos_without_captions(tmp_path: Path) -> None:
    dump = jsonl(tmp_path / "j.jsonl", info("a"), line("b"))
    lines, _ = made(tmp_path, part("jsonl", dump, video="v/{id}.mkv"))
    found = {value["id"]: value for value in lines}
    assert (found["a"]["video"], found["a"]["about"]["height"]) == ("v/a.mkv", 1080)
    assert "no captions" in found["a"]["problem"]
    assert found["b"] == line("b")


def test_todays_lines_keep_their_bytes(tmp_path: Path) -> None:
    data = b'{"id":"a", "video": "x/a.mp4",\t"subtitles": [[0,1.50,"\\u00e9"]] , "more":[1,{}]}'
    write(tmp_path / "dump.jsonl", data)
    ((lines, _),) = shards_of(tmp_path / "out", [part("jsonl", tmp_path / "dump.jsonl")], 1)
    assert lines == [data]


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("abc.mp4", "abc"),
        ("one/1.mp4", "one/1"),
        ("two/1.mp4", "two/1"),
        ("sports/v0YEaeIClKY.mp4", "v0YEaeIClKY"),
        ("no suffix", "no suffix"),
        ("a.b/c", "a.b/c"),
    ],
)
def test_the_id_of_a_line_without_one(tmp_path: Path, video: str, name: str) -> None:
    dump = jsonl(tmp_path / "j.jsonl", {"video": video, "subtitles": []})
    (value,), _ = made(tmp_path, part("jsonl", dump))
    assert value == {"video": video, "subtitles": [], "id": name}


def test_bad_lines_have_their_place_and_reason(tmp_path: Path) -> None:
    good = orjson.dumps(line("a")).decode()
    bad = ["{half", "[1]", '{"video": 5}', '{"id": "b\\u0000", "video": "b"}']
    text = "\n".join([good, "", *bad, f'\ufeff{good[:-1]}, "id": "late"}}'])
    write(tmp_path / "j.jsonl", text)
    lines, left = made(tmp_path, part("jsonl", tmp_path / "j.jsonl"), shards=3)
    assert sorted(value["id"] for value in lines) == ["a", "late"]
    found = {row["path"].rpartition("j.jsonl, ")[2]: row["reason"] for row in left}
    assert found == {
        "line 3": "not JSON: unexpected character, expected a string key: line 1 column 2 (char 1)",
        "line 4": "the line is a list, not a JSON object",
        "line 5": '"video" is a number, not a string',
        "the video 'b\\x00'": "its id holds the control character U+0000",
    }


def test_a_truncated_file_is_read_up_to_there(tmp_path: Path) -> None:
    import gzip

    data = gzip.compress(b"".join(orjson.dumps(line(f"v{n}")) + b"\n" for n in range(5000)))
    write(tmp_path / "j.jsonl.gz", data[: len(data) // 2])
    lines, left = made(tmp_path, part("jsonl", tmp_path / "j.jsonl.gz"))
    assert 1000 < len(lines) < 4000
    assert "broken after line" in left[0]["reason"]
