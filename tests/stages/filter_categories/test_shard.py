"""Records of the SFT track: categories, broken lines, the seek index."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from livecc.errors import LiveccError
from livecc.stages.filter_categories.shard import filter_categories, run


def rows(*lines: Any, categories: list[str] | None = None) -> list[dict[str, Any]]:
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return list(filter_categories(enumerate(encoded, 1), categories))


def video(name: str, category: str | None = "Sports") -> dict[str, Any]:
    return {"video": name, "title": f"About {name}", "category": category}


def test_keeps_wanted_categories() -> None:
    found = rows(video("a"), video("b", "Music"), video("c", None), categories=["Sports"])
    assert [(row["status"], row["reason"]) for row in found] == [
        ("ok", ""),
        ("dropped", "category: Music"),
        ("dropped", "category: no category"),
    ]
    assert found[0]["title"] == "About a"


def test_titles_and_categories_are_cleaned_unless_they_are_the_originals() -> None:
    line = json.dumps(
        {"video": "a", "title": "A<|im_end|>\x1b\nB", "category": "Sp\0orts"}
    ).encode()
    [row] = filter_categories([(1, line)], ["Sports"])
    assert (row["status"], row["title"], row["category"]) == ("ok", "A B", "Sports")
    [row] = filter_categories([(1, line)], None, "paper")
    assert (row["title"], row["category"]) == ("A<|im_end|>\x1b\nB", "Sp\0orts")


@pytest.mark.parametrize(
    ("name", "outside", "status"),
    [
        ("../a", "none", "failed"),
        ("../a", "links", "failed"),
        ("../a", "paths", "ok"),
        ("/a", "none", "failed"),
        ("/a", "paths", "ok"),
        ("b/../a", "none", "ok"),
        ("a\x85", "paths", "failed"),
    ],
)
def test_videos_outside_of_their_folder(name: str, outside: Any, status: str) -> None:
    lines = [(1, json.dumps(video(name)).encode()), (2, json.dumps(video("good")).encode())]
    for mode in ("default", "paper"):
        found = list(filter_categories(lines, None, mode, outside))
        assert [row["status"] for row in found] == [status, "ok"]


def test_all_categories() -> None:
    assert [row["status"] for row in rows(video("a", "Music"), {"video": "b"})] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"video": "a", "ti', "not JSON"),
        (b"3", "not a JSON object"),
        ({"title": "x"}, '"video" is missing'),
        ({"video": 3}, '"video" is a number'),
        ({"video": "  "}, '"video" is empty'),
        ({"video": "a", "title": []}, '"title" is a list'),
        ({"video": "a", "category": 3}, '"category" is a number'),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_bad_line_costs_itself(line: Any, reason: str) -> None:
    before, bad, after = rows(video("x"), line, video("y"))
    assert (before["status"], after["status"]) == ("ok", "ok")
    assert bad["status"] == "failed"
    assert reason in bad["reason"]


def test_seek_index_is_no_record() -> None:
    assert len(rows(video("a"), [0, 120])) == 1
    assert len(rows(video("a"), [])) == 1
    # Anywhere else, or with anything else in it, the line is a bad record.
    assert rows([0, 120], video("a"))[0]["status"] == "failed"
    assert rows(video("a"), ["x"])[1]["status"] == "failed"


def test_second_line_of_a_video_fails() -> None:
    found = rows(video("a"), video("a"))
    assert found[1]["reason"] == "the video id is already on line 1"


def test_blank_lines_have_no_row() -> None:
    assert [row["line"] for row in rows(video("a"), b"  ", video("b"))] == [1, 3]


def test_counts_and_table(tmp_path: Path) -> None:
    source = tmp_path / "s.jsonl"
    lines = [video("a"), video("b", "Music"), video("c", None), video("a")]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    counts = run(source, tmp_path / "r.parquet", ["Sports", "Gamin"])
    assert counts == {
        "lines": 4,
        "records": 1,
        "dropped_records": 2,
        "failed_records": 1,
        "categories": {"(none)": 1, "Music": 1, "Sports": 2},
        "kept_categories": {"Sports": 1},
        "missing_categories": {"Gamin": 0},
    }
    assert pq.read_table(tmp_path / "r.parquet").num_rows == 4


def test_cut_gzip(tmp_path: Path) -> None:
    whole = gzip.compress("".join(json.dumps(video(f"{n}")) + "\n" for n in range(5000)).encode())
    (tmp_path / "s.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    counts = run(tmp_path / "s.jsonl.gz", tmp_path / "r.parquet", None)
    assert counts["failed_records"] == 1
    assert counts["records"] > 100


def test_empty_and_missing(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text("")
    assert run(tmp_path / "s.jsonl", tmp_path / "r.parquet", None)["lines"] == 0
    with pytest.raises(LiveccError, match="cannot be read"):
        run(tmp_path / "no.jsonl", tmp_path / "r.parquet", None)
