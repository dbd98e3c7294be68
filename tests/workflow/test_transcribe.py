"""The rule transcribe: real speech in, clips out, as a user runs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.support.places import REPOSITORY
from tests.workflow.running import Project

pytestmark = [pytest.mark.workflow, pytest.mark.models]


@pytest.fixture(scope="module")
def spoken(
    tmp_path_factory: pytest.TempPathFactory, fetched_model: Callable[[str], Path]
) -> Project:
    project = Project(tmp_path_factory.mktemp("spoken"))
    videos = project.folder / "videos"
    videos.mkdir()
    for name in ("pour_over_coffee.mp4", "slow_garden.mp4"):
        shutil.copy(REPOSITORY / "demo" / "media" / name, videos)
    project.write_input(
        "one",
        [
            {"video": "pour_over_coffee.mp4", "title": "Coffee", "category": "Howto & Style"},
            {"video": "slow_garden.mp4", "title": "Garden", "category": "Sports"},
            {"video": "missing.mp4", "title": "", "category": "Sports"},
        ],
    )
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "transcribe": {"model": str(fetched_model("whisper-tiny.en")), "beam_size": 1},
        "score_lm_loss": {"enabled": False},
        "score_active_speaker": {"enabled": False},
        "make_prompts": {"enabled": False},
        "selections": {"default": {"sft": {"words_per_second": {"min": 1, "max": 4}}}},
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


def test_speech_becomes_clips(spoken: Project) -> None:
    videos = pd.read_parquet(spoken.results("sft", "videos")).set_index("video")
    assert videos.status.to_dict() == {
        "pour_over_coffee.mp4": "ok",
        "slow_garden.mp4": "failed",
        "missing.mp4": "failed",
    }
    assert videos.reason["missing.mp4"] == "no such file"
    assert videos.language["pour_over_coffee.mp4"] == "en"
    clips = pd.read_parquet(spoken.results("sft", "clips"))
    assert set(clips.video) == {"pour_over_coffee.mp4"}
    assert "transcribe" in spoken.results("summary.txt").read_text()


def test_speed_options_run_nothing_again(spoken: Project, tmp_path: Path) -> None:
    project = spoken.copy(tmp_path / "p")
    project.config["transcribe"] |= {"batch_size": 2, "decode_timeout_seconds": 200}
    assert project.run().jobs() == {}
    project.config["transcribe"]["max_seconds"] = 20
    run = project.run()
    assert run.jobs()["transcribe"] == 1
    videos = pd.read_parquet(project.results("sft", "videos")).set_index("video")
    assert videos.reason["pour_over_coffee.mp4"].startswith("too long: ")
