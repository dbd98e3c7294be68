"""The SFT track takes the videos of which the pre-training track keeps a clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.files.lines import read_lines
from tests.workflow.running import FOLD, SUN, Project, record
from tests.workflow.tracks import spoken

pytestmark = pytest.mark.workflow

MODELS = ("score_lm_loss", "probe_videos", "score_talking_head", "score_active_speaker")
TAKEN = {"track": "pretrain", "selection": "default"}


def both(video: str, words: list[str], n_words: int, category: str = "Sports") -> dict[str, Any]:
    """A line for both tracks."""
    content = spoken(video, words)["content"]
    return {**record(video, words, n_words), "content": content, "category": category}


def selection(most_words: float) -> dict[str, Any]:
    return {
        "pretrain": {"words_per_second": {"min": 1, "max": most_words}},
        "sft": {"language": {"labels": ["en"]}},
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "p")
    project.folder.mkdir()
    # Its words are twice as fast in b: seconds_per_word is that of `record`.
    project.write_input("a", [both("boat.mp4", FOLD, 150), both("sun.mp4", SUN, 150, "Music")])
    fast = record("fast.mp4", FOLD, 300, seconds_per_word=0.2)
    project.write_input("b", [{**both("fast.mp4", FOLD, 150), "subtitles": fast["subtitles"]}])
    project.write_input("c", [both("other.mp4", FOLD, 150)])
    project.config = {
        "device": "cpu",
        "tracks": {
            "pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"},
            "sft": {
                "from": {"track": "pretrain", "selection": "default"},
                "inputs": [],
                "videos": "input",
            },
        },
        **{stage: {"enabled": False} for stage in (*MODELS, "transcribe")},
        "make_prompts": {"gate": "none"},
        "selections": {"default": selection(4)},
    }
    return project


def taken(project: Project, shard: str) -> list[str]:
    path = project.results("sft", "taken", "lines", f"{shard}.jsonl.zst")
    return [json.loads(line or b"")["video"] for _, line in read_lines(path)]


def test_kept_videos_are_taken_and_only_changed_shards_run_again(project: Project) -> None:
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert taken(project, "a") == ["boat.mp4", "sun.mp4"]
    assert taken(project, "b") == []
    assert project.stats("filter_categories", "a", "sft")["records"] == 1

    again = project.run()
    assert "Nothing to be done" in again.output, again.output[-3000:]

    # A bound that lets the fast one through: its shard alone gets videos.
    project.config["selections"]["default"] = selection(6)
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert taken(project, "b") == ["fast.mp4"]
    jobs = run.jobs()
    assert jobs["copy_taken_lines"] == jobs["filter_categories"] == 1, jobs
    assert jobs["identify_language"] == 1, run.output

    # A bound that changes nothing of what is taken.
    project.config["selections"]["default"] = selection(7)
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert "copy_taken_lines" not in run.jobs(), run.jobs()
    assert "Nothing to be done" in project.run().output


def test_changed_input_reaches_the_other_track(project: Project) -> None:
    assert project.run().status == 0
    project.write_input("c", [both("other.mp4", FOLD, 150), both("new.mp4", SUN, 150)])
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert taken(project, "c") == ["other.mp4", "new.mp4"]
    assert run.jobs()["copy_taken_lines"] == 1, run.jobs()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"track": "sft", "selection": "default"},
            "tracks.sft.from.track: 'sft' must be a track with inputs of its own",
        ),
        (
            {"track": "pretrain", "selection": "defualt"},
            "'defualt' is no selection of pretrain (did you mean 'default'?)",
        ),
    ],
)
def test_wrong_givers_are_told(project: Project, changed: dict[str, str], words: str) -> None:
    project.config["tracks"]["sft"]["from"] = changed
    run = project.run("--dry-run")
    assert run.status == 1
    assert words in run.output
