"""The stage's table, cache and receipts, with a random network and real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from livecc.files.atomic import write_bytes, write_json
from livecc.files.parquet import write_table
from livecc.formats.records import Transcript, clip_row
from livecc.formats.tables import schema
from livecc.models import fetch as models
from livecc.stages.score_active_speaker.declaration import STAGE
from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD
from tests.stages.score_active_speaker import speaker_jobs
from tests.stages.score_active_speaker.talking_media import write_media
from tests.support.sounds import tone

WORDS = ("and", "so", "on")


@pytest.fixture
def shard(tmp_path: Path, fetched_model: Any) -> dict[str, Any]:
    """Two videos of 8 s with a clip each, and one that is not there."""
    grey = [np.full((90, 160, 3), 90, np.uint8)] * 200
    transcripts, clips = [], []
    for name in ("a.mp4", "b.mp4", "gone.mp4"):
        if name != "gone.mp4":
            write_media(tmp_path / name, grey, tone(8.0))
        start, end = [0.0, 3.0, 6.0], [0.5, 3.5, 7.5]
        transcripts.append(Transcript(name, "", "", WORDS, start, end))
        clips.append(clip_row(name, 0, 3, 0.0, 7.5))
    # The last sample makes the contents of a and b differ.
    (tmp_path / "b.mp4").write_bytes((tmp_path / "b.mp4").read_bytes() + b"\0" * 8)
    lines = b"".join(transcript.to_json() + b"\n" for transcript in transcripts)
    write_bytes(tmp_path / "transcripts.jsonl", lines)
    write_table(tmp_path / "clips.parquet", schema("clips"), clips)
    weights = tmp_path / "weights"
    weights.mkdir()
    torch.manual_seed(0)
    torch.save(LightASD().state_dict(), weights / FILE_NAME)
    write_json(tmp_path / "asd.json", models.fetch(str(weights), tmp_path / "models"))
    detector = str(fetched_model("centerface"))
    write_json(tmp_path / "detector.json", models.fetch(detector, tmp_path / "models"))
    return {
        "track": "sft",
        "shard": "s",
        "transcripts": tmp_path / "transcripts.jsonl",
        "clips": tmp_path / "clips.parquet",
        "videos": tmp_path,
        "receipt": tmp_path / "asd.json",
        "detector": "centerface",
        "detector_receipt": tmp_path / "detector.json",
        "decode_timeout_seconds": 60.0,
        "mode": "default",
        "device": "cpu",
        "threads": 1,
        "cache": tmp_path / "cache",
        "output": tmp_path / "out.parquet",
        "stats": tmp_path / "stats.json",
    }


def run(shard: dict[str, Any], **changed: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    speaker_jobs.run(**{**shard, **changed})
    return pd.read_parquet(shard["output"]), json.loads(shard["stats"].read_text())


def test_one_row_a_clip_and_none_twice(shard: dict[str, Any]) -> None:
    table, stats = run(shard)
    assert table["clip"].tolist() == ["a.mp4#0-3", "b.mp4#0-3", "gone.mp4#0-3"]
    assert table.status.tolist() == ["ok", "ok", "failed"]
    assert table.reason.tolist()[2] == "no such file"
    assert table.active_speaker.tolist()[:2] == [0.0, 0.0]
    # From the end of the first word: 7 s, so one window.
    assert (table.frames[0], table.seconds[0], table.tracks[0]) == (150, 6.0, 0)
    assert (stats["scored"], stats["failed"]) == (3, 1)
    assert set(stats["details"]["seconds"]) == {
        *("sound", "decoding", "detection", "crops", "network", "waiting")
    }
    again, stats = run(shard)
    assert again.equals(table)
    # What does not exist has no content to remember it by.
    assert (stats["found"], stats["scored"]) == (2, 1)
    _, stats = run(shard, mode="paper")
    assert stats["found"] == 0


def test_a_clip_outside_the_gate_has_no_row(shard: dict[str, Any]) -> None:
    table, _ = run(shard, gate={"words_per_second": {"min": 4}})
    assert len(table) == 0


def test_missing_weights_are_said_once_and_not_remembered(
    shard: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = models.MissingModelError("model 'light_asd' could not be had from nowhere: no way")
    nothing = tmp_path / "nothing.json"
    write_json(nothing, models.missing_receipt("light_asd", error, tmp_path / "models"))
    table, stats = run(shard, receipt=nothing)
    # What the summary needs to say how to get them.
    told = stats["details"]
    assert told["missing_models"] == ["light_asd"]
    assert told["models_folder"] == str(tmp_path / "models")
    assert set(table.status) == {"failed"}
    assert all("light_asd" in reason for reason in table.reason)
    assert table.active_speaker.isna().all()
    assert stats["failed"] == 3
    said = [r for r in caplog.records if "no clip can be scored" in r.getMessage()]
    assert len(said) == 1
    assert not list((tmp_path / "cache" / STAGE.name).glob("*/*.jsonl"))
    table, stats = run(shard)
    assert (stats["found"], table.status.tolist()) == (0, ["ok", "ok", "failed"])
