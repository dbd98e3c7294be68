"""What the trainer makes of the videos of a shard, and which clips that drops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livecc.files.atomic import read_json
from livecc.files.parquet import write_table
from livecc.formats.records import clip_row
from livecc.formats.tables import schema
from livecc.formats.video_paths import VideoFolder
from livecc.scores.columns import read_columns
from livecc.scores.job import run_job
from livecc.selecting.decisions import decide, reasons
from livecc.stages.job_spec import JobSpec
from livecc.stages.probe_videos.declaration import STAGE
from livecc.stages.probe_videos.shard import prepare
from livecc.thresholds.sets import parse_rules
from livecc.trainer.window import LEAD_SECONDS, SLACK_SECONDS
from tests.support.built_in import RULES, TRACKS
from tests.support.videos import write_audio, write_video

CLIPS = [
    ("whole.mp4", 0.0, 2.2),
    ("whole.mp4", 0.5, 2.31),
    ("whole.mp4", 1.0, 9.0),
    ("stream.ts", 0.0, 1.0),
    ("tiny.mp4", 0.0, 1.0),
    ("sound.mp4", 0.0, 1.0),
    ("gone.mp4", 0.0, 1.0),
]


@pytest.fixture
def job(tmp_path: Path) -> JobSpec:
    write_video(tmp_path / "whole.mp4", 60)
    write_video(tmp_path / "stream.ts", 60)
    write_video(tmp_path / "tiny.mp4", 60, size=(2, 2))
    write_audio(tmp_path / "sound.mp4")
    rows = [
        clip_row(video, k, k + 3, start, end, (start, end + LEAD_SECONDS + SLACK_SECONDS))
        for k, (video, start, end) in enumerate(CLIPS)
    ]
    write_table(tmp_path / "clips.parquet", schema("clips"), rows)
    return JobSpec(
        stage=STAGE,
        track=TRACKS["pretrain"],
        shard="s",
        files={"clips": tmp_path / "clips.parquet"},
        scores={},
        receipts={},
        options={"decode_timeout_seconds": 60.0},
        cache=tmp_path / "cache",
        videos=VideoFolder(tmp_path),
        output=tmp_path / "probe.parquet",
        stats=tmp_path / "stats.json",
    )


def _table(job: JobSpec) -> dict[str, dict[str, Any]]:
    run_job(prepare(job))
    table = pd.read_parquet(job.output)
    return {row["video"]: row for row in table.to_dict("records")}


def test_each_video_has_one_row(job: JobSpec) -> None:
    rows = _table(job)
    assert list(rows) == ["whole.mp4", "stream.ts", "tiny.mp4", "sound.mp4", "gone.mp4"]
    whole = rows["whole.mp4"]
    assert (whole["status"], whole["video_seconds"], whole["video_frames"]) == ("ok", 2.4, 60)
    assert "the trainer takes wrong frames of it" in rows["stream.ts"]["reason"]
    assert "the trainer cannot open it: decord reads a picture of" in rows["tiny.mp4"]["reason"]
    assert rows["sound.mp4"]["reason"] == "the file has no video stream"
    assert rows["gone.mp4"]["reason"] == "no such file"
    assert {row["status"] for name, row in rows.items() if name != "whole.mp4"} == {"failed"}


def test_what_is_known_is_not_opened_again(job: JobSpec, monkeypatch: Any) -> None:
    first = _table(job)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened again")

    assert job.videos is not None
    whole, gone = job.videos.path / "whole.mp4", job.videos.path / "gone.mp4"
    gone.write_bytes(whole.read_bytes())
    monkeypatch.setattr("livecc.stages.probe_videos.shard.work_ahead", refuse)
    again = _table(replace(job, output=job.output.with_name("again.parquet")))  # type: ignore[union-attr]
    # The same bytes under another name.
    assert again["gone.mp4"]["video_seconds"] == first["whole.mp4"]["video_seconds"]


def test_no_file_outside_of_the_folder_is_opened(
    job: JobSpec, tmp_path: Path, monkeypatch: Any
) -> None:
    """The engine does not even start for them; whoever means them says so."""
    inside, outside = tmp_path / "videos", tmp_path / "whole.mp4"
    inside.mkdir()
    (inside / "link.mp4").symlink_to(outside)
    names = ["link.mp4", "../whole.mp4", str(outside)]
    rows = [clip_row(name, 0, 3, 0.0, 1.0, (0.0, 1.2)) for name in names]
    write_table(job.files["clips"], schema("clips"), rows)

    def probe(allowed: Any) -> dict[str, str]:
        output = tmp_path / f"{allowed}.parquet"
        found = _table(replace(job, videos=VideoFolder(inside, allowed), output=output))
        opened = {name: found[name]["status"] == "ok" for name in names}
        return {name: "" if opened[name] else found[name]["reason"] for name in names}

    with monkeypatch.context() as patch:
        patch.setattr("livecc.stages.probe_videos.shard.work_ahead", None)
        refused = probe("none")
    assert "symbolic link leads out" in refused["link.mp4"]
    assert "its path leads out" in refused["../whole.mp4"]
    assert "its path leads out" in refused[str(outside)]
    assert read_json(tmp_path / "stats.json")["failed"] == 3
    assert [not reason for reason in probe("links").values()] == [True, False, False]
    assert set(probe("paths").values()) == {""}


@pytest.mark.parametrize("on_unscored", ["drop", "keep"])
def test_clips_beyond_their_video_are_dropped(job: JobSpec, on_unscored: str) -> None:
    _table(job)
    assert job.output is not None
    columns = read_columns(job.files["clips"], {STAGE: job.output}, more=["reason"])
    rules = parse_rules({"inside_video": {"max_seconds_beyond": 0}}, RULES)
    decisions = decide(columns, rules, on_unscored)
    why = list(reasons(columns, rules, decisions))
    assert why[0] is None
    assert why[1] == (
        "its last word needs a frame at 2.41 s, the last frame of the video is at 2.40 s"
    )
    assert why[2] == (
        "its last word needs a frame at 9.10 s, the last frame of the video is at 2.40 s"
    )
    # What the trainer cannot open is dropped whatever is done with clips without a score.
    assert [text is not None and text.startswith("not scored: ") for text in why[3:]] == [True] * 4
    assert why[6] == "not scored: no such file"
    wider = parse_rules({"inside_video": {"max_seconds_beyond": 0.5}}, RULES)
    assert decide(columns, wider, "drop").kept.tolist()[:3] == [True, True, False]
