"""Transcripts that the input brings along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from livecc import filter_categories
from livecc.files import read_jsonl
from livecc.import_transcripts import run


def imported(folder: Path, *lines: Any, mode: str = "default") -> list[dict[str, Any]]:
    source = folder / "s.jsonl"
    source.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    )
    filter_categories.run(source, folder / "r.parquet", None)
    counts = run(source, folder / "r.parquet", folder / "t.jsonl.zst", mode)
    rows = list(read_jsonl(folder / "t.jsonl.zst"))
    assert counts["items"] == len(rows)
    return rows


def test_words_become_columns(tmp_path: Path) -> None:
    content = [[0.1, 0.4, " So "], [0.4, 0.9, "we"]]
    broken = '{"video": "b", "conte'
    first, last = imported(
        tmp_path, {"video": "a", "title": "T", "content": content}, broken, {"video": "c"}
    )
    assert first["words"] == ["So", "we"]
    assert (first["start"], first["end"]) == ([0.1, 0.4], [0.4, 0.9])
    assert (first["title"], first["category"], first["status"]) == ("T", "", "ok")
    assert last["status"] == "failed"
    assert '"content" is missing' in last["reason"]


def test_unusable_words_are_counted(tmp_path: Path) -> None:
    content = [[0, 1, "a"], [1, 2], [-1, 0, "b"], [3, 2, "c"], [3, 4, "  "], [4, 5, "d"], "x"]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    assert row["words"] == ["a", "d"]
    assert row["dropped_words"] == 5
    assert row["dropped_reasons"] == {
        "not [start, end, word]": 2,
        "negative start": 1,
        "end before start": 1,
        "empty": 1,
    }


def test_words_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    content = [[5, 6, "b"], [0, 1, "a"], [5, 5.5, "c"], [900, 901, "e"], [7, 8, "d"]]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    assert row["words"] == ["a", "b", "c", "d", "e"]
    assert row["start"] == [0, 5, 5, 7, 900]
    assert row["dropped_words"] == 0


def test_entry_of_several_words_is_divided(tmp_path: Path) -> None:
    content = [[0, 1, "one\ttwo\u2003 three\n"], [1, 1, "at once"], [2, 3, "a\u0007b\u0000c"]]
    content += [[3, 4, "\u001b"], [4, 5, "\u0915\u094d\u200d\u0937"]]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    assert row["words"] == ["one", "two", "three", "at", "once", "abc", "\u0915\u094d\u200d\u0937"]
    assert row["start"] == [0, 0.333, 0.667, 1, 1, 2, 4]
    assert row["end"] == [0.333, 0.667, 1, 1, 1, 3, 5]
    assert row["dropped_reasons"] == {"empty": 1}


def test_video_without_a_usable_word_fails(tmp_path: Path) -> None:
    empty, broken = imported(
        tmp_path, {"video": "a", "content": []}, {"video": "b", "content": [[0, 1], [2, 1, "x"]]}
    )
    assert (empty["status"], empty["reason"]) == ("failed", "no words in its content")
    assert broken["reason"] == (
        "no words in its content, not [start, end, word] 1, end before start 1"
    )
    assert broken["dropped_words"] == 2


def test_paper_mode_takes_words_as_they_are(tmp_path: Path) -> None:
    odd, bad = imported(
        tmp_path,
        {"video": "a", "content": [[3, 2, " c "], [4, 5, ""]]},
        {"video": "b", "content": [[3, 2]]},
        mode="paper",
    )
    assert odd["words"] == [" c ", ""]
    assert bad["status"] == "failed"
    assert "word 0" in bad["reason"]
