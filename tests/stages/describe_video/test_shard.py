"""The facts of the videos of a shard, and what of them is computed again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from livecc.files.atomic import open_atomic
from livecc.files.parquet import read_rows
from livecc.formats.records import Transcript
from livecc.formats.video_paths import VideoFolder
from livecc.scores.job import StageStats, run_job
from livecc.stages.describe_video.declaration import STAGE
from livecc.stages.describe_video.shard import distinct_words, prepare
from livecc.stages.job_spec import JobSpec
from tests.support.built_in import TRACKS
from tests.support.videos import write_video

_TEXT = "we will fold a paper boat from a single sheet of paper and press the crease flat"
ENGLISH = _TEXT.split()
_TEXT = "wir falten heute ein Boot aus einem Blatt Papier und drücken die Falte flach"
GERMAN = _TEXT.split()
WORDS = {"whole.mp4": ENGLISH, "gone.mp4": GERMAN, "text.mp4": ENGLISH[3:], "../out.mp4": GERMAN}


@pytest.fixture
def job(tmp_path: Path) -> JobSpec:
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "whole.mp4", 60)
    (videos / "text.mp4").write_text("this is no video\n")
    write_lines(tmp_path, duration=9)
    with open_atomic(tmp_path / "t.jsonl.zst") as stream:
        for video, words in WORDS.items():
            times = [float(n) for n in range(len(words))]
            stream.write(Transcript(video, "T", "C", words, times, times).to_json() + b"\n")
    return JobSpec(
        stage=STAGE,
        track=TRACKS["pretrain"],
        shard="s",
        files={"lines": tmp_path / "s.jsonl", "transcripts": tmp_path / "t.jsonl.zst"},
        scores={},
        receipts={},
        options={
            "engine": "langid",
            "fold_words": True,
            "open_files": True,
            "decode_timeout_seconds": 60.0,
        },
        cache=tmp_path / "cache",
        videos=VideoFolder(videos),
        output=tmp_path / "facts.parquet",
        stats=tmp_path / "stats.json",
    )


def write_lines(folder: Path, **about: Any) -> None:
    """Lines in the order of the transcripts, with one that has none before them."""
    lines: list[dict[str, Any]] = [{"video": "broken.mp4", "subtitles": 3}]
    lines += [{"video": video, "title": f"On {video}", "category": "Sports"} for video in WORDS]
    lines[1] |= {"id": "abc", "about": about}
    (folder / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def describe(job: JobSpec) -> tuple[StageStats, dict[str, dict[str, Any]]]:
    stats = run_job(prepare(job))
    assert job.output is not None
    return stats, {row["video"]: row for row in read_rows(job.output)}


def test_each_video_with_a_transcript_has_one_row(job: JobSpec) -> None:
    stats, rows = describe(job)
    assert list(rows) == list(WORDS)
    assert (stats.items, stats.scored, stats.failed) == (4, 4, 0)
    assert rows["whole.mp4"] == {
        **{"video": "whole.mp4", "status": "ok", "reason": None, "video_id": "abc"},
        **{"title": "On whole.mp4", "category": "Sports", "duration": 9.0, "height": None},
        **{"caption_language": None, "captions": None},
        **{"file": "there", "file_seconds": pytest.approx(2.4), "distinct_words": 15},
        **{"video_language": "en", "video_language_confidence": 1.0},
    }
    gone = rows["gone.mp4"]
    assert (gone["video_id"], gone["duration"]) == ("gone", None)
    assert (gone["file"], gone["file_seconds"], gone["video_language"]) == ("missing", None, "de")
    assert (rows["text.mp4"]["file"], rows["text.mp4"]["file_seconds"]) == ("unreadable", None)
    assert rows["../out.mp4"]["file"] == "refused"


def test_changed_metadata_score_nothing(job: JobSpec, tmp_path: Path) -> None:
    describe(job)
    write_lines(tmp_path, duration=70, captions="manual")
    stats, rows = describe(job)
    assert (stats.found, stats.scored) == (4, 0)
    assert (rows["whole.mp4"]["duration"], rows["whole.mp4"]["captions"]) == (70.0, "manual")


def test_a_file_that_came_later_is_looked_at(job: JobSpec) -> None:
    describe(job)
    assert job.videos is not None
    folder = job.videos.path
    (folder / "gone.mp4").write_bytes((folder / "whole.mp4").read_bytes())
    stats, rows = describe(job)
    assert stats.scored == 1
    assert rows["gone.mp4"]["file_seconds"] == pytest.approx(2.4)


def test_files_need_not_be_opened(job: JobSpec, monkeypatch: Any) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr("livecc.stages.describe_video.shard.work_ahead", refuse)
    monkeypatch.setattr("livecc.stages.describe_video.shard.file_key", refuse)
    _, rows = describe(replace(job, options={**job.options, "open_files": False}))
    assert {video: row["file"] for video, row in rows.items()} == {
        **{"whole.mp4": "there", "gone.mp4": "missing"},
        **{"text.mp4": "there", "../out.mp4": "refused"},
    }
    assert all(row["file_seconds"] is None for row in rows.values())


def test_distinct_words() -> None:
    words = ["The", "boat,", "the", "(boat)", "don't", "--", "Boat", "ba-at", "船", "船"]
    assert distinct_words(words, fold=True) == 5
    assert distinct_words(words, fold=False) == 9
    assert distinct_words([], fold=True) == 0
    assert distinct_words([""], fold=False) == 0
