"""Clipping of captions: parity with the original, a literal version, bad input, files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.captions.tracks import clean_tracks
from livecc.captions.units import units
from livecc.errors import LiveccError
from livecc.files.lines import read_jsonl, read_lines
from livecc.files.parquet import read_rows
from livecc.formats.records import Transcript
from livecc.formats.unspaced import has_unspaced
from livecc.stages.clip_captions import cut as stage
from livecc.stages.clip_captions.cut import ClipOptions, VideoClips, WordOptions, clip_captions, run
from tests.stages.literal_clips import literal_spans

PAPER = ClipOptions(mode="paper")
GOOD = [[0.0, 40.0, "one two three four"], [40.0, 80.0, "five six seven eight"]]


def record(**changes: Any) -> dict[str, Any]:
    return {"video": "v.mp4", "subtitles": GOOD, "title": "t", "category": "c"} | changes


def cut(*records: Any, options: ClipOptions | None = None) -> list[VideoClips]:
    lines = [r if r is None or isinstance(r, bytes) else orjson.dumps(r) for r in records]
    return list(clip_captions(enumerate(lines, 1), options))


def rebuilt(video: VideoClips) -> list[dict[str, Any]]:
    """The original's output for one video, from the transcript and the spans."""
    transcript = video.transcript
    assert transcript is not None
    stream = [
        [float(s), float(e), w]
        for s, e, w in zip(transcript.start, transcript.end, transcript.words, strict=True)
    ]
    return [
        {
            "video": transcript.video,
            "content": stream[clip["first_word"] : clip["last_word"]],
            "previous": transcript.text(0, clip["first_word"]),
            "title": transcript.title,
            "category": transcript.category,
        }
        for clip in video.clips
        if clip["status"] == "ok" and 1 <= clip["words_per_second"] <= 4
    ]


def test_paper_mode_prints_what_the_original_printed(test_data: Path) -> None:
    expected = list(read_jsonl(test_data / "parity/a1_expected.jsonl.gz"))
    lines = read_lines(test_data / "parity/a1_input.jsonl.gz")
    ours = [clip for video in clip_captions(lines, PAPER) for clip in rebuilt(video)]
    assert len(expected) == 431
    for ours_clip, expected_clip in zip(ours, expected, strict=True):
        assert ours_clip == expected_clip


def cleaned_lines(subtitles: list[list[Any]]) -> list[tuple[float, float, str]]:
    """The lines with valid times, cleaned (tests/captions has the tests of that)."""
    lines = [line for line in subtitles if 0 <= line[0] < line[1]]
    start, end = (np.array([line[n] for line in lines], np.float64) for n in (0, 1))
    clean = clean_tracks([line[2] for line in lines], start, end, np.zeros(len(lines), int), 1)
    return list(zip(clean.start.tolist(), clean.end.tolist(), clean.texts, strict=True))


def literal(
    record: dict[str, Any], options: ClipOptions
) -> tuple[list[list[Any]], list[tuple[int, int]]]:
    """Words and long enough spans of one video, by plain loops."""
    paper = options.mode == "paper"
    words: list[list[Any]] = []
    for start, end, text in record["subtitles"] if paper else cleaned_lines(record["subtitles"]):
        if paper and ("[" in text or "]" in text):
            continue
        tokens: list[str] = []
        for token in text.split(" ") if paper else units(text):
            if not paper or not tokens or token != tokens[-1]:
                tokens.append(token)
        # Segments of a script without spaces share the time by their characters; other words by
        # those, 2 more, and the pauses behind marks.
        shares = [1 if paper else len(token) for token in tokens]
        if not paper and not has_unspaced(text):
            for k, token in enumerate(tokens):
                shares[k] += 2 + (6 if token[-1] in ",;:" else 10 if token[-1] in ".?!" else 0)
        d = (end - start) / sum(shares)
        for k, token in enumerate(tokens):
            begin, stop = start + sum(shares[:k]) * d, start + sum(shares[: k + 1]) * d
            words.append([round(begin, 1), round(stop, 1), token])
        if not paper and len(words) > len(tokens):
            words[-len(tokens) - 1][1] = min(words[-len(tokens) - 1][1], words[-len(tokens)][0])
    starts, ends = [word[0] for word in words], [word[1] for word in words]
    return words, literal_spans(starts, ends, options, paper_times=ends)[0]


TIMES = st.one_of(
    st.integers(-200, 6000).map(lambda x: x / 100),
    st.floats(0, 60),
    st.integers(0, 60),
    st.sampled_from([0, 1e9, 1e300, 2.0**53, -1.0]),
)
TEXTS = st.one_of(
    st.lists(
        st.sampled_from(["a", "b", "", "né", "مرحبا", "你好世界", "🙂", "[x]", "a\nb"]), max_size=6
    ).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
VIDEOS = st.lists(
    st.lists(st.tuples(TIMES, TIMES, TEXTS).map(list), max_size=12), min_size=1, max_size=4
)


@settings(max_examples=300, deadline=None)
@given(VIDEOS, st.sampled_from(["paper", "default"]), st.sampled_from([0.0, 0.5, 3.0]))
def test_clips_are_those_of_a_loop(videos: list[Any], mode: Any, shortest: float) -> None:
    options = ClipOptions(shortest, 20.0, 3.0, mode)
    records = [record(video=f"{i}", subtitles=lines) for i, lines in enumerate(videos)]
    for source, video in zip(records, cut(*records, options=options), strict=True):
        words, spans = literal(source, options)
        transcript = video.transcript
        assert transcript is not None
        assert list(transcript.words) == [word for _, _, word in words]
        assert list(transcript.start) == [start for start, _, _ in words]
        assert list(transcript.end) == [end for _, end, _ in words]
        assert [(c["first_word"], c["last_word"]) for c in video.clips] == spans
        assert video.row["words"] == len(words)
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(edges)
        assert not edges or (edges[0] >= 0 and edges[-1] <= len(words))
        for clip in video.clips:
            first, last = clip["first_word"], clip["last_word"]
            start, end = words[first][0], words[last - 1][1]
            spoken_from = words[first][1]
            if mode == "default":
                end = max(end for _, end, _ in words[first:last])
                spoken_from = start
            assert (clip["start"], clip["end"]) == (start, end)
            if spoken_from == end:
                assert clip["status"] == "failed"
            else:
                assert clip["words_per_second"] == (last - first) / (end - spoken_from)


def test_default_mode_keeps_the_last_word() -> None:
    options = ClipOptions(max_gap_seconds=20)
    (default,) = cut(record(), options=options)
    (paper,) = cut(record(), options=ClipOptions(max_gap_seconds=20, mode="paper"))
    assert [(c["first_word"], c["last_word"]) for c in default.clips] == [(0, 8)]
    assert [(c["first_word"], c["last_word"]) for c in paper.clips] == [(0, 7)]
    assert default.clips[0] == {
        "clip": "v.mp4#0-8",
        "video": "v.mp4",
        "first_word": 0,
        "last_word": 8,
        "start": 0.0,
        "end": 80.0,
        "video_start": 0.0,
        "video_end": 80.95,
        "words_per_second": 0.1,
        "unit": "word",
        "status": "ok",
        "reason": "",
    }
    assert default.row["seconds"] == 80.0


def test_word_speed_filters_nothing() -> None:
    text = " ".join(str(i) for i in range(4000))
    (video,) = cut(record(subtitles=[[0, 40, text]]))
    assert [clip["words_per_second"] for clip in video.clips] == [100.0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"video": "v", "subtitles": [[0, NaN, "a"]]}', "not JSON"),
        (b'{"video": "caf\xe9", "subtitles": []}', "not UTF-8"),
        (b'{"video": "a\\u0000b", "subtitles": []}', "U+0000"),
        (b'{"video": "../b", "subtitles": []}', "leads out of the folder"),
        (b'{"video": "/a/b", "subtitles": []}', "is an absolute path"),
        (b'{"video": "v", "subtitles": [[0, 1e999, "a"]]}', "infinity"),
        (b'{"video": "v", "subtitles": [[0, 1, "\\ud83d"]]}', "surrogate"),
        (b'{"video": "v", "subtitles": [[0, 1, "a', "not JSON"),
        (b'{"video": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"video": "v", "x": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, "nested too deeply"),
        (b"[1]", "the line is a list, not a JSON object"),
        (b"null", "the line is null, not a JSON object"),
        (None, "longer than"),
        ({"subtitles": []}, 'the key "video" is missing'),
        ({"video": "v"}, 'the key "subtitles" is missing'),
        ({"video": 3, "subtitles": []}, '"video" is a number, not a string'),
        ({"video": " ", "subtitles": []}, '"video" is empty'),
        ({"video": "\u00e9" * 2049, "subtitles": []}, '"video" is longer than 4096 bytes'),
        ({"video": "v", "subtitles": [], "title": "a" * 10_001}, '"title" is longer than 10,000'),
        (
            {"video": "v", "subtitles": [[n, n + 1, "a " * 50_000] for n in range(81)]},
            'the texts in "subtitles" are longer than 8,000,000 characters',
        ),
        ({"video": "v", "subtitles": None}, '"subtitles" is null, not a list'),
        ({"video": "v", "subtitles": {"a": 1}}, '"subtitles" is an object, not a list'),
        ({"video": "v", "subtitles": [], "title": 7}, '"title" is a number, not a string'),
        ({"video": "v", "subtitles": [], "category": [1]}, '"category" is a list, not a string'),
    ],
)
@pytest.mark.parametrize("mode", ["paper", "default"])
def test_a_bad_line_costs_that_line(line: Any, reason: str, mode: Any) -> None:
    before, bad, after = cut(
        record(video="a"), line, record(video="b"), options=ClipOptions(mode=mode)
    )
    assert before.row["status"] == after.row["status"] == "ok"
    assert bad.row["status"] == "failed"
    assert reason in bad.row["reason"]
    assert bad.row["line"] == 2
    assert bad.transcript is None
    assert bad.clips == []


def test_a_duplicate_video_names_the_first_line() -> None:
    rows = [v.row for v in cut(record(), record(video="w"), record(), record())]
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "failed"]
    assert rows[2]["reason"] == rows[3]["reason"] == "the video id is already on line 1"


def test_a_failed_line_does_not_take_its_video_id() -> None:
    bad, good = cut(record(subtitles=3), record())
    assert (bad.row["status"], good.row["status"]) == ("failed", "ok")
    assert bad.row["video"] == "v.mp4"


MISSHAPEN: list[tuple[Any, str]] = [
    ("abc", "caption 1 (from 0): a string, not a list [start, end, text]"),
    ({"a": 1, "b": 2, "c": 3}, "caption 1 (from 0): an object, not a list"),
    (None, "caption 1 (from 0): null, not a list"),
    ([1, 2], "caption 1 (from 0): 2 items, not [start, end, text]"),
    ([1, 2, "a", "b"], "4 items"),
    (["1", 2, "a"], "its start is a string, not a number"),
    ([1, None, "a"], "its end is null, not a number"),
    ([True, 2, "a"], "its start is a boolean, not a number"),
    ([1, 2, 3], "its text is a number, not a string"),
]


@pytest.mark.parametrize(("caption", "reason"), MISSHAPEN)
def test_a_misshapen_caption(caption: Any, reason: str) -> None:
    source = record(subtitles=[GOOD[0], caption, GOOD[1]])
    (default,) = cut(source)
    assert default.row["status"] == "ok"
    assert default.row["skipped_reasons"] == "not [start, end, text]: 1"
    assert (default.row["caption_lines"], default.row["skipped_lines"]) == (3, 1)
    assert default.row["words"] == 8
    (paper,) = cut(source, options=PAPER)
    assert paper.row["status"] == "failed"
    assert reason in paper.row["reason"]


def test_unusable_captions_are_skipped_and_counted() -> None:
    bad = [
        [5, 5, "zero"],
        [-1, 5, "negative"],
        [-2, -3, "negative first of its reasons"],
        [6, 5, "backwards"],
        [0, 1e308, "late"],
        [0, 1, "[Music]"],
        [0, 1, "a ]"],
        [0, 1, ""],
        [0, 1, " \t\u3000"],
        [0, 0, "[Music]"],
        7,
    ]
    first, second = cut(record(subtitles=[*bad, *GOOD]), record(video="w"))
    assert first.row["skipped_reasons"] == (
        "not [start, end, text]: 1; time too large: 1; negative start: 2; end before start: 1; "
        "zero length: 2; markup: 1; no words: 2"
    )
    assert first.row["cleaned"] == "sound marks: 2; overlaps cut: 1"
    assert (first.row["caption_lines"], first.row["skipped_lines"]) == (13, 10)
    assert first.transcript is not None
    assert second.transcript is not None
    # A bracket without the other one is taken out; the word beside it stays.
    assert list(first.transcript.words) == ["a", *second.transcript.words]
    assert (second.row["skipped_reasons"], second.row["skipped_lines"]) == ("", 0)


def test_paper_mode_uses_lines_with_odd_times() -> None:
    odd = [[-1.0, 0.0, "a  b"], [5.0, 5.0, ""], [7, 6, "c"], [0, 1, "[x]"]]
    (video,) = cut(record(subtitles=odd), options=PAPER)
    assert video.transcript is not None
    assert list(video.transcript.words) == ["a", "", "b", "", "c"]
    assert list(video.transcript.start) == [-1.0, -0.7, -0.3, 5.0, 7.0]
    assert video.row["skipped_reasons"] == "markup: 1"
    (late,) = cut(record(subtitles=[[0, 1, "a"], [0, 1e308, "b"]]), options=PAPER)
    assert late.row["reason"] == '"subtitles", caption 1 (from 0): its end is too large'


@pytest.mark.parametrize("mode", ["paper", "default"])
def test_a_clip_of_no_length_is_a_failed_clip(mode: Any) -> None:
    captions = [[0.01, 0.02, "a b"], [10, 10.01, "c d"], [60, 61, "e"]]
    options = ClipOptions(0, 240, 3, mode)
    (video,) = cut(record(subtitles=captions), options=options)
    assert [c["status"] for c in video.clips][:2] == ["failed", "failed"]
    assert video.clips[0]["reason"].startswith("zero length")
    assert video.clips[0].get("words_per_second") is None


def test_missing_or_null_title_and_category_are_empty() -> None:
    missing, null = cut({"video": "a", "subtitles": GOOD}, record(title=None, category=None))
    for video in (missing, null):
        assert video.transcript is not None
        assert (video.transcript.title, video.transcript.category) == ("", "")


def test_no_captions_is_a_video_without_clips() -> None:
    (video,) = cut(record(subtitles=[]))
    assert video.row["status"] == "ok"
    assert (video.row["words"], video.row["clips"], video.row["skipped_reasons"]) == (0, 0, "")


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        record(video=f"{i}", subtitles=[[k, k + 1, f"w{k} x"] for k in range(i * 20)])
        for i in range(8)
    ]
    records[3] = {"video": 3}
    together = [(v.row, v.clips) for v in cut(*records)]
    monkeypatch.setattr(stage, "_BATCH_BYTES", 1)
    assert [(v.row, v.clips) for v in cut(*records)] == together


@pytest.mark.parametrize(
    "changes",
    [
        {"min_clip_seconds": -1.0},
        {"min_clip_seconds": 300.0},
        {"max_gap_seconds": 0.0},
        {"max_gap_seconds": float("nan")},
        {"max_clip_seconds": float("nan")},
        {"mode": "fast"},
    ],
)
def test_impossible_options(changes: dict[str, Any]) -> None:
    with pytest.raises(LiveccError, match="must be"):
        ClipOptions(**changes)


def outputs(folder: Path) -> tuple[Path, Path, Path]:
    return folder / "t.jsonl.zst", folder / "clips.parquet", folder / "videos.parquet"


def test_files_of_a_shard(tmp_path: Path) -> None:
    captions = [[k, k + 1, f"word{k} more"] for k in range(100)]
    lines = [
        orjson.dumps(record(video="a", subtitles=captions)),
        b"",
        b"not json",
        b"  \r",
        orjson.dumps(record(video="b", subtitles=[*captions[:50], [50, 51, "[x]"], [3, 3, "y"]])),
        orjson.dumps(record(video="c", subtitles=[])),
    ]
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(b"\n".join(lines)))
    counts = run(source, *outputs(tmp_path))
    transcripts = [Transcript.from_mapping(r) for r in read_jsonl(outputs(tmp_path)[0])]
    clips = read_rows(outputs(tmp_path)[1])
    videos = read_rows(outputs(tmp_path)[2])
    assert [t.video for t in transcripts] == ["a", "b", "c"]
    assert [row["line"] for row in videos] == [1, 3, 5, 6]
    assert [row["status"] for row in videos] == ["ok", "failed", "ok", "ok"]
    assert videos[1]["reason"].startswith("not JSON")
    assert videos[2]["skipped_reasons"] == "zero length: 1; markup: 1"
    assert [clip["clip"] for clip in clips] == ["a#0-200", "b#0-100"]
    assert transcripts[0].text(0, 3) == "word0 more word1"
    assert list(transcripts[0].end[:2]) == [0.5, 1.0]
    assert counts == {
        "lines": 4,
        "videos": 3,
        "failed_videos": 1,
        "caption_lines": 152,
        "skipped_lines": 2,
        "words": 300,
        "clips": 2,
        "failed_clips": 0,
        "short_spans": 0,
        "skipped": {"zero length": 1, "markup": 1},
        "cleaned": {"sound marks": 1},
        "seconds": 150.0,
        "unclipped_seconds": 0.0,
    }
    first = [path.read_bytes() for path in outputs(tmp_path)]
    run(source, *outputs(tmp_path))
    assert [path.read_bytes() for path in outputs(tmp_path)] == first


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_shard_gives_empty_files(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(content)
    counts = run(source, *outputs(tmp_path))
    assert (counts["lines"], counts["clips"], counts["skipped"]) == (0, 0, {})
    assert list(read_jsonl(outputs(tmp_path)[0])) == []
    assert read_rows(outputs(tmp_path)[1]) == read_rows(outputs(tmp_path)[2]) == []


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_cut_file_keeps_what_came_before(tmp_path: Path, suffix: str) -> None:
    import zstandard

    lines = b"".join(orjson.dumps(record(video=f"{i}")) + b"\n" for i in range(20_000))
    squeeze = gzip.compress if suffix == "gz" else zstandard.ZstdCompressor().compress
    source = tmp_path / f"in.jsonl.{suffix}"
    packed = squeeze(lines)
    source.write_bytes(packed[: len(packed) // 2])
    counts = run(source, *outputs(tmp_path))
    videos = read_rows(outputs(tmp_path)[2])
    assert counts["failed_videos"] == 1
    assert counts["videos"] == len(videos) - 1 > 0
    assert videos[-1]["status"] == "failed"
    assert "broken after line" in videos[-1]["reason"]
    assert videos[-1]["line"] == videos[-2]["line"] + 1


def test_zstd_frames_follow_one_another(tmp_path: Path) -> None:
    import zstandard

    source = tmp_path / "in.jsonl.zst"
    frames = [
        zstandard.ZstdCompressor().compress(orjson.dumps(record(video=name)) + b"\n" * 70_000)
        for name in "abc"
    ]
    source.write_bytes(b"".join(frames))
    assert run(source, *outputs(tmp_path))["videos"] == 3
    source.write_bytes(b"".join(frames)[:-1])
    assert run(source, *outputs(tmp_path))["failed_videos"] == 1


def test_a_missing_shard_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match="cannot be read"):
        run(tmp_path / "none.jsonl", *outputs(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_real_captions(test_data: Path) -> None:
    lines = list(read_lines(test_data / "captions/english_cc.jsonl"))
    videos = list(clip_captions(lines))
    assert [video.row["status"] for video in videos] == ["ok"] * 39
    for (_, line), video in zip(lines, videos, strict=True):
        words, spans = literal(json.loads(line or b""), ClipOptions())
        assert video.transcript is not None
        assert list(video.transcript.words) == [word for _, _, word in words]
        assert list(video.transcript.end) == [end for _, end, _ in words]
        assert [(c["first_word"], c["last_word"]) for c in video.clips] == spans


def test_repeated_words_stay_as_spoken_unless_dropped() -> None:
    source = record(subtitles=[[0, 6, "go go go now now"], [6, 8, "now go"]])
    line = [(1, orjson.dumps(source))]
    said = {}
    for drop in (False, True):
        (video,) = clip_captions(line, words=WordOptions(drop_repeated_words=drop))
        assert video.transcript is not None
        said[drop] = list(video.transcript.words)
    assert said[False] == ["go", "go", "go", "now", "now", "now", "go"]
    assert said[True] == ["go", "now", "now", "go"]


def test_scripts_without_spaces() -> None:
    source = record(subtitles=[[0, 20, "今天我们折一只纸船。"], [20, 40, "先拿一张 A4 纸"]])
    line = [(1, orjson.dumps(source))]
    options = ClipOptions(10, 240, 30)
    (segments,) = clip_captions(line, options)
    (lines,) = clip_captions(line, options, WordOptions(unit="line"))
    (paper,) = clip_captions(line, ClipOptions(mode="paper"))
    for video in (segments, lines, paper):
        assert video.transcript is not None
    words = list(segments.transcript.words)
    assert words == ["今天", "我们", "折", "一只", "纸船。", "先", "拿", "一张", "A4", "纸"]
    # By characters: two of ten for the first, three of ten for the last of its line.
    assert segments.transcript.start[:2].tolist() == [0.0, 4.0]
    assert (segments.transcript.start[4], segments.transcript.end[4]) == (14.0, 20.0)
    assert segments.transcript.text(0, 10) == "今天我们折一只纸船。先拿一张 A4纸"
    assert segments.transcript.text(0, 3) == "今天我们折"
    assert list(lines.transcript.words) == ["今天我们折一只纸船。", "先拿一张", "A4", "纸"]
    assert lines.transcript.text(0, 4) == segments.transcript.text(0, 10)
    assert list(paper.transcript.words) == list(lines.transcript.words)
    assert paper.transcript.text(0, 2) == "今天我们折一只纸船。 先拿一张"
    assert "unspaced" not in orjson.loads(paper.transcript.to_json())
    assert orjson.loads(segments.transcript.to_json())["unspaced"] is True
    assert [clip["unit"] for clip in segments.clips] == ["segment"]
    assert [clip["unit"] for clip in lines.clips] == ["line"]
    (plain,) = cut(record(), options=options)
    assert {clip["unit"] for clip in plain.clips} == {"word"}


def test_captions_are_cleaned_and_counted(tmp_path: Path) -> None:
    dirty = [
        [0, 4, "&gt;&gt; Tom &amp; Jerry"],
        [4, 12, "[Music]"],
        [6, 9, "♪ so <i>it</i> goes ♪"],
        [2, 20, "one two"],
    ]
    source = tmp_path / "in.jsonl"
    source.write_bytes(orjson.dumps(record(subtitles=dirty)))
    counts = run(source, *outputs(tmp_path))
    (row,) = read_rows(outputs(tmp_path)[2])
    assert row["cleaned"] == (
        "entities: 3; tags: 2; speaker marks: 1; sound marks: 1; music notes: 2; lines moved: 1; "
        "overlaps cut: 2"
    )
    assert row["skipped_reasons"] == "markup: 1"
    assert counts["cleaned"] == {
        **{"entities": 3, "tags": 2, "speaker marks": 1, "sound marks": 1, "music notes": 2},
        **{"lines moved": 1, "overlaps cut": 2},
    }
    (transcript,) = read_jsonl(outputs(tmp_path)[0])
    assert transcript["words"] == ["Tom", "&", "Jerry", "one", "two", "so", "it", "goes"]
    # 5, 3 and 7 of 15 shares of 2 s, then 5 of 10, then 4, 4 and 6 of 14.
    assert transcript["end"] == [0.7, 1.1, 2.0, 4.0, 6.0, 6.9, 7.7, 9.0]
