"""Transcripts that the input brings along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from livecc.files.lines import read_jsonl
from livecc.formats.records import Transcript
from livecc.stages.filter_categories import shard as filter_categories
from livecc.stages.import_transcripts.shard import run


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


def test_words_of_more_than_any_video(tmp_path: Path) -> None:
    long = [[n, n + 1, "a " * 50_000] for n in range(81)]
    first, last = imported(
        tmp_path, {"video": "a", "content": long}, {"video": "b", "content": [[0, 1, "a"]]}
    )
    assert "longer than 8,000,000 characters" in first["reason"]
    assert (first["status"], last["status"]) == ("failed", "ok")


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
    # None ends after the next has begun, and "b" keeps its place.
    assert row["end"] == [1, 5, 5.5, 8, 901]
    assert row["dropped_words"] == 0


def test_entry_of_several_words_is_divided(tmp_path: Path) -> None:
    content = [[0, 1, "one\ttwo\u2003 three\n"], [1, 1, "at once"], [2, 3, "a\u0007b\u0000c"]]
    content += [[3, 4, "\u001b"], [4, 5, "\u0915\u094d\u200d\u0937"]]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    assert row["words"] == ["one", "two", "three", "at", "once", "abc", "\u0915\u094d\u200d\u0937"]
    assert row["start"] == [0, 0.333, 0.667, 1, 1, 2, 4]
    assert row["end"] == [0.333, 0.667, 1, 1, 1, 3, 5]
    assert row["dropped_reasons"] == {"markup": 1}
    assert row["cleaned"] == {"control characters": 3}


def test_what_is_no_speech_is_taken_out(tmp_path: Path) -> None:
    words = ["Tom", "&amp;", "Jerry​", "[loud", "music]", ">>", "-step", "♪", "café"]
    content = [[n, n + 1, word] for n, word in enumerate(words)]
    chinese = [[0, 1, "你好，"], [1, 2, "世界"]]
    latin, unspaced = imported(
        tmp_path, {"video": "a", "content": content}, {"video": "b", "content": chinese}
    )
    assert latin["words"] == ["Tom", "&", "Jerry", "-step", "café"]
    assert latin["start"] == [0, 1, 2, 6, 8]
    assert latin["dropped_reasons"] == {"markup": 4}
    assert latin["cleaned"] == {
        "entities": 1,
        "speaker marks": 1,
        "sound marks": 1,
        "music notes": 1,
        "invisible characters": 1,
        "composed characters": 1,
    }
    assert "unspaced" not in latin
    assert unspaced["unspaced"]
    assert Transcript.from_mapping(unspaced).text(0, 2) == "你好，世界"


def test_video_without_a_usable_word_fails(tmp_path: Path) -> None:
    empty, broken = imported(
        tmp_path, {"video": "a", "content": []}, {"video": "b", "content": [[0, 1], [2, 1, "x"]]}
    )
    assert (empty["status"], empty["reason"]) == ("failed", "no words in its content")
    assert broken["reason"] == (
        "no words in its content, not [start, end, word] 1, end before start 1"
    )
    assert broken["dropped_words"] == 2


def test_words_without_times_stand_between_their_neighbours(tmp_path: Path) -> None:
    content = [
        [None, None, "So"],
        [1, 2, "we"],
        [None, None, "fold"],
        [None, None, "20"],
        [4, 5, "boats"],
        [4.5, None, "today"],
    ]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    assert row["words"] == ["So", "we", "fold", "20", "boats", "today"]
    assert row["start"] == [1, 1, 2, 3, 4, 5]
    assert row["end"] == [1, 2, 3, 4, 5, 5]
    assert row["dropped_words"] == 0
    (paper,) = imported(tmp_path, {"video": "a", "content": content}, mode="paper")
    assert paper["words"] == ["we", "boats"]
    assert paper["dropped_reasons"] == {"without times": 4}


def test_a_word_that_continues_another_is_joined_to_it(tmp_path: Path) -> None:
    content = [[0, 1, "A"], [1, 2, " high"], [2, 3, "-performance"], [3, 4, " boat"]]
    content += [[4, 5, " isn"], [5, 6, "'t"], [6, 7, " 100"], [7, 8, "%"], [8, 9, " dry."]]
    content += [[9, 10, " And"], [10, 11, " so"], [11, 12, " on."]]
    (row,) = imported(tmp_path, {"video": "a", "content": content})
    words = ["A", "high-performance", "boat", "isn't", "100%", "dry.", "And", "so", "on."]
    assert row["words"] == words
    assert row["start"] == [0, 1, 3, 4, 6, 8, 9, 10, 11]
    assert row["end"] == [1, 3, 4, 6, 8, 9, 10, 11, 12]
    # Without blanks, every entry is a word.
    plain = [[start, end, word.strip()] for start, end, word in content]
    (row,) = imported(tmp_path, {"video": "a", "content": plain})
    assert len(row["words"]) == len(content)


def test_words_of_no_length_keep_their_text(tmp_path: Path) -> None:
    (row,) = imported(tmp_path, {"video": "a", "content": [[1, 1, "a"], [1, 1, "b"], [1, 2, "c"]]})
    assert (row["words"], row["end"]) == (["a", "b", "c"], [1, 1, 2])


def test_paper_mode_takes_words_as_they_are(tmp_path: Path) -> None:
    odd, bad = imported(
        tmp_path,
        {"video": "a", "content": [[3, 2, " c "], [4, 5, ""]]},
        {"video": "b", "content": [[3, 2], [5, 6, "d"]]},
        mode="paper",
    )
    assert odd["words"] == [" c ", ""]
    assert (bad["words"], bad["status"]) == (["d"], "ok")
    assert bad["dropped_reasons"] == {"not [start, end, word]": 1}
