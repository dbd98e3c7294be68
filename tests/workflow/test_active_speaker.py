"""Snakemake with the active-speaker stage: without its weights, and when they have come."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.pictures import write_video_with_tone
from tests.workflow.running import SUN, Project

pytestmark = pytest.mark.workflow

#: Nothing can be downloaded through a proxy that is not there.
NO_INTERNET = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


def test_missing_weights_leave_clips_unscored_until_they_come(
    tmp_path: Path, tiny_lm: Path, face_detector: Path
) -> None:
    import torch

    from livecc.stages.score_active_speaker.network import FILE_NAME, LightASD

    project = Project(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "centerface").symlink_to(face_detector)
    write_video_with_tone(tmp_path / "videos" / "sun.mp4")
    content = [[0.4 * n, 0.4 * n + 0.3, SUN[n % len(SUN)].strip(".") or "and"] for n in range(150)]
    content[0][2] = "The"
    line = {"video": "sun.mp4", "title": "Sun", "category": "Sports", "content": content}
    project.write_input("one", [line])
    selection = {"lm_loss": {"min": 0.0, "max": 50.0}, "active_speaker": {"max": 0.05}}
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "models_folder": "models",
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "transcribe": {"enabled": False},
        "score_lm_loss": {"model": str(tiny_lm)},
        "score_active_speaker": {"detector": "centerface"},
        "make_prompts": {"enabled": False},
        "selections": {
            "default": {"sft": {**selection, "on_unscored": "drop"}},
            "lenient": {"sft": {**selection, "on_unscored": "keep"}},
        },
    }

    def kept(name: str) -> list[bool]:
        return list(pd.read_parquet(project.results("sft", name, "decisions")).kept)

    def scores() -> pd.DataFrame:
        return pd.read_parquet(project.results("sft", "scores", "score_active_speaker"))

    run = project.run(environment=NO_INTERNET)
    assert run.status == 0, run.output[-5000:]
    receipt = project.results("models", "light_asd.json")
    assert json.loads(receipt.read_text())["status"] == "missing"
    assert list(scores().status) == ["failed"]
    assert "light_asd" in scores().reason[0]
    assert (kept("default"), kept("lenient")) == ([False], [True])
    log = project.results("logs", "sft", "score_active_speaker", "one.log").read_text()
    assert log.count("no clip can be scored") == 1

    torch.manual_seed(0)
    (tmp_path / "models" / "light_asd").mkdir()
    torch.save(LightASD().state_dict(), tmp_path / "models" / "light_asd" / FILE_NAME)
    run = project.run(environment=NO_INTERNET)
    assert run.status == 0, run.output[-5000:]
    assert "digest" in json.loads(receipt.read_text())
    assert list(scores().active_speaker) == [0.0]
    assert (kept("default"), kept("lenient")) == ([True], [True])
    # And now there is nothing left to do.
    run = project.run(environment=NO_INTERNET)
    assert run.status == 0
    assert "Nothing to be done" in run.output, run.output[-3000:]
