"""Clips that begin with a sentence: parity, a plain loop, files."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc import filter_categories, import_transcripts
from livecc.clip_transcripts import cut, run
from livecc.errors import LiveccError
from livecc.files import read_jsonl
from livecc.records import Transcript
from livecc.score_tables import candidates, transcripts_with_clips
from livecc.sentences import sentence_starts
from livecc.spans import ClipOptions

PAPER = ClipOptions(mode="paper")


def literal_spans(
    words: list[tuple[float, float, str]], options: ClipOptions
) -> list[tuple[int, int]]:
    """The walk as a plain loop over words, without the minimum length."""
    spans = []
    n = len(words)
    i = 0
    while i < n:
        if i > 0:
            word = words[i][2]
            if options.mode == "paper":
                begins = word.isupper()
            else:
                cased = [c for c in word if c.isupper() or c.islower() or c.istitle()]
                begins = bool(cased) and not cased[0].islower()
            if not (words[i - 1][2].endswith((".", "?", "!")) and begins):
                i += 1
                continue
        stop = None
        for j in range(i + 1, n):
            if (
                words[j][0] - words[i][0] > options.max_clip_seconds
                or words[j][0] - words[j - 1][0] > options.max_gap_seconds
            ):
                stop = j
                break
        if stop is None:
            stop = n if options.mode == "default" else n - 1
            if stop > i:
                spans.append((i, stop))
            return spans
        spans.append((i, stop))
        i = stop
    return spans


WORDS = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.3, 1.0, 2.9, 3.0, 3.2, 50.0]),
        st.sampled_from(
            ["so", "So", "I", "A", "go.", "Go.", '"We', "why?", "20", "1st", "É", "…!"]
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
    row = {
        "video": "v",
        "words": [word for _, _, word in words],
        "start": [start for start, _, _ in words],
        "end": [end for _, end, _ in words],
    }
    clips, short = cut(row, options)
    expected = literal_spans(words, options)
    long_enough = [(i, j) for i, j in expected if words[j - 1][0] - words[i][0] >= min_clip]
    assert [(clip["first_word"], clip["last_word"]) for clip in clips] == long_enough
    assert short == len(expected) - len(long_enough)
    for one, other in pairwise(clips):
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


def test_quotes_after_the_full_stop_end_no_sentence() -> None:
    assert sentence_starts(['go."', "So"], "default").tolist() == [True, False]


@given(st.lists(st.sampled_from(["", "a", "I", "go.", "Go?", "é!", "a\nb.", "\n", "I."])))
def test_sentence_ends_in_odd_words(words: list[str]) -> None:
    ends = (".", "?", "!")
    expected = [
        n == 0 or (words[n - 1].endswith(ends) and words[n].isupper()) for n in range(len(words))
    ]
    assert sentence_starts(words, "paper").tolist() == expected


def test_no_words() -> None:
    assert cut({"video": "v", "words": [], "start": [], "end": []}, PAPER) == ([], 0)


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
        assert first == 0 or words[first - 1][-1] in ".?!"
        assert 30 <= clip["end"] - clip["start"] <= 260


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
    with pytest.raises(LiveccError, match="not of the same shard"):
        run(
            *(tmp_path / name for name in ("a.parquet", "t.jsonl.zst", "c.parquet", "v.parquet")),
        )
