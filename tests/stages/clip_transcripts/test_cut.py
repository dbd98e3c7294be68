"""Clips that begin with a sentence: parity, a plain loop, files."""

from __future__ import annotations

import gzip
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl
from livecc.formats.records import Transcript
from livecc.scores.tables import candidates, transcripts_with_clips
from livecc.stages.clip_transcripts.cut import cut, run
from livecc.stages.clip_transcripts.sentences import sentence_starts
from livecc.stages.clips import Clips
from livecc.stages.filter_categories import shard as filter_categories
from livecc.stages.import_transcripts import shard as import_transcripts
from livecc.stages.spans import ClipOptions
from tests.stages.literal_clips import literal_spans

PAPER = ClipOptions(mode="paper")


def sentence_begins(words: list[str], i: int, mode: str) -> bool:
    if i == 0:
        return True
    if mode == "paper":
        return words[i - 1].endswith((".", "?", "!")) and words[i].isupper()
    letters = [c for c in words[i] if c.isalpha()]
    ends = words[i - 1].rstrip("\"')]”’").endswith((".", "?", "!", "…", "。"))
    return ends and bool(letters) and not letters[0].islower()


WORDS = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.3, 1.0, 2.9, 3.0, 3.2, 50.0]),
        st.sampled_from(
            [
                "so",
                "So",
                "I",
                "A",
                "go.",
                "Go.",
                '"We',
                "why?",
                "20",
                "1st",
                "É",
                "…!",
                'go."',
                "go.)",
                "完。",
                "好",
            ]
        ),
    ),
    max_size=60,
)


@given(WORDS, st.sampled_from(["paper", "default"]), st.sampled_from([0.0, 2.0, 30.0]))
def test_same_as_a_plain_loop(steps: list[tuple[float, str]], mode: Any, min_clip: float) -> None:
    options = ClipOptions(min_clip, 60.0, 3.0, mode)
    words, now = [], 0.0
    for step, word in steps:
        now = round(now + step, 2)
        words.append((now, round(now + 0.2, 2), word))
    row: dict[str, Any] = {
        "video": "v",
        "words": [word for _, _, word in words],
        "start": [start for start, _, _ in words],
        "end": [end for _, end, _ in words],
    }
    clips = cut(row, options)
    expected, others = literal_spans(
        row["start"],
        row["end"],
        options,
        row["start"],
        lambda i: sentence_begins(row["words"], i, mode),
    )
    assert [(clip["first_word"], clip["last_word"]) for clip in clips.rows] == expected
    assert clips.short_spans == others
    spoken = {n for i, j in expected for n in range(i, j)}
    assert clips.unclipped_seconds == pytest.approx(0.2 * (len(words) - len(spoken)), abs=0.01)
    for one, other in pairwise(clips.rows):
        assert one["last_word"] <= other["first_word"]


@pytest.mark.parametrize(
    ("word", "paper", "default"),
    [
        ("So", False, True),
        ("so", False, False),
        ("I", True, True),
        ("“So", False, True),
        ("'so", False, False),
        ("NASA's", False, True),
        ("NASA", True, True),
        ("20", False, False),
        ("好", False, True),
        ("«好", False, True),
        ("(και", False, False),
        ("3D", True, True),
        ("1st", False, False),
        ("ǅ", False, True),
        ("", False, False),
    ],
)
def test_where_a_sentence_begins(word: str, paper: bool, default: bool) -> None:
    words = ["so", "it", "ends.", word, "then"]
    assert sentence_starts(words, "paper").tolist() == [True, False, False, paper, False]
    assert sentence_starts(words, "default").tolist() == [True, False, False, default, False]


@pytest.mark.parametrize(
    ("word", "paper", "default"),
    [
        ("go.", True, True),
        ("go?!", True, True),
        ('go."', False, True),
        ("go.”", False, True),
        ("go!’)", False, True),
        ("los.“", False, True),
        ("go…", False, True),
        ("完。", False, True),
        ("吗？」", False, True),
        ("है।", False, True),
        ("کیا؟", False, True),
        ("go,", False, False),
        ("(go)", False, False),
        ('"', False, False),
        ("", False, False),
    ],
)
def test_where_a_sentence_ends(word: str, paper: bool, default: bool) -> None:
    assert sentence_starts([word, "I"], "paper").tolist() == [True, paper]
    assert sentence_starts([word, "I"], "default").tolist() == [True, default]


@given(st.lists(st.sampled_from(["", "a", "I", "go.", "Go?", "é!", "a\nb.", "\n", "I."])))
def test_sentence_ends_in_odd_words(words: list[str]) -> None:
    ends = (".", "?", "!")
    expected = [
        n == 0 or (words[n - 1].endswith(ends) and words[n].isupper()) for n in range(len(words))
    ]
    assert sentence_starts(words, "paper").tolist() == expected


def test_no_words() -> None:
    assert cut({"video": "v", "words": [], "start": [], "end": []}, PAPER) == Clips()


@pytest.mark.parametrize("numbers", [(40, 30, 3), (30, 240, 0), (-1, 3, 3)])
def test_options_that_make_no_sense(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(LiveccError):
        ClipOptions(*numbers)


def make_files(folder: Path, source: Path, mode: Any, categories: Any = None) -> dict[str, Any]:
    filter_categories.run(source, folder / "r.parquet", categories)
    import_transcripts.run(source, folder / "r.parquet", folder / "t.jsonl.zst", mode)
    return run(
        *(folder / name for name in ("r.parquet", "t.jsonl.zst", "c.parquet", "v.parquet")),
        ClipOptions(mode=mode),
    )


def test_parity_with_the_original(test_data: Path, tmp_path: Path) -> None:
    """Record by record: video, words with times, `preasr`, title, category."""
    counts = make_files(tmp_path, test_data / "parity" / "b3_input.jsonl.gz", "paper")
    rows = candidates(tmp_path / "c.parquet", {}, {})
    found = []
    for transcript, clips in transcripts_with_clips(tmp_path / "t.jsonl.zst", rows):
        for clip in clips:
            span = slice(clip.first_word, clip.last_word)
            content = zip(
                transcript.start[span], transcript.end[span], transcript.words[span], strict=True
            )
            found.append(
                {
                    "video": transcript.video,
                    "content": [list(word) for word in content],
                    "preasr": transcript.text(0, clip.first_word),
                    "title": transcript.title,
                    "category": transcript.category,
                }
            )
    with gzip.open(test_data / "parity" / "b3_expected.jsonl.gz") as stream:
        expected = [json.loads(line) for line in stream]
    assert len(found) == len(expected) == counts["clips"] > 0
    for mine, original in zip(found, expected, strict=True):
        assert mine == original


def test_default_mode_on_real_words(test_data: Path, tmp_path: Path) -> None:
    """Every clip begins with a sentence, and there are more of them than in paper mode."""
    source = test_data / "captions" / "english_asr_words.jsonl"
    paper = make_files(tmp_path, source, "paper")
    default = make_files(tmp_path, source, "default")
    assert default["clips"] > paper["clips"]
    transcripts: dict[str, Transcript] = {
        row["video"]: Transcript.from_mapping(row) for row in read_jsonl(tmp_path / "t.jsonl.zst")
    }
    for clip in candidates(tmp_path / "c.parquet", {}, {}):
        words = transcripts[clip["video"]].words
        first = clip["first_word"]
        assert first == 0 or re.search(r"[.?!][\])\"”]*$", words[first - 1])
        assert clip["video_end"] - clip["start"] >= 30
        assert clip["video_end"] - clip["video_start"] <= 240


def test_every_line_has_a_row(tmp_path: Path) -> None:
    content = [[n, n + 0.5, "So." if n % 10 == 9 else "Go"] for n in range(100)]
    lines = [
        {"video": "a", "category": "Sports", "content": content},
        {"video": "b", "category": "Music", "content": content},
        {"video": "c", "category": "Sports"},
        {"video": "d", "category": "Sports", "content": []},
        "{",
    ]
    source = tmp_path / "s.jsonl"
    source.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    )
    counts = make_files(tmp_path, source, "default", ["Sports"])
    videos = pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert [(row["line"], row["status"]) for row in videos] == [
        (1, "ok"),
        (2, "dropped"),
        (3, "failed"),
        (4, "failed"),
        (5, "failed"),
    ]
    assert (videos[0]["words"], videos[0]["clips"], videos[3]["clips"]) == (100, 1, None)
    assert (counts["videos"], counts["dropped_videos"], counts["failed_videos"]) == (1, 1, 3)


def test_tables_of_another_shard(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"video": name, "content": []}) + "\n")
    filter_categories.run(tmp_path / "a.jsonl", tmp_path / "a.parquet", None)
    make_files(tmp_path, tmp_path / "b.jsonl", "default")
    with pytest.raises(LiveccError, match="belong to different shards"):
        run(
            *(tmp_path / name for name in ("a.parquet", "t.jsonl.zst", "c.parquet", "v.parquet")),
        )
