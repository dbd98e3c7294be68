"""The SFT track through Snakemake itself, on transcripts that the input brings along."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from livecc.formats.samples import read_offsets, read_sample
from livecc.trainer.window import video_window
from tests.workflow.running import BOAT_FR, FOLD, SUN, Project
from tests.workflow.tracks import spoken

pytestmark = pytest.mark.workflow

MERGED = ("sft", "default", "livecc_sft_default_with_seeks.jsonl")


@pytest.fixture(scope="module")
def sft(tmp_path_factory: pytest.TempPathFactory, tiny_lm: Path) -> Project:
    folder = tmp_path_factory.mktemp("sft")
    project = Project(folder)
    (folder / "videos").mkdir()
    project.write_input(
        "one",
        [
            spoken("boat.mp4", FOLD),
            spoken("song.mp4", FOLD, category="Music"),
            '{"video": "half.mp4", "cont',
            spoken("long.mp4", [*SUN, *FOLD], 1500),
        ],
    )
    project.write_input(
        "two",
        [
            spoken("bateau.mp4", BOAT_FR),
            spoken("short.mp4", SUN, 20),
            {"video": "nothing.mp4", "category": "Sports"},
            spoken("sun.mp4", SUN),
        ],
    )
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"sft": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "transcribe": {"enabled": False},
        "score_lm_loss": {"model": str(tiny_lm)},
        "score_active_speaker": {"enabled": False},
        "make_prompts": {"enabled": False},
        "selections": {"default": {"sft": {"lm_loss": {"min": 0.0, "max": 50.0}}}},
    }
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


def test_every_line_and_clip_is_accounted_for(sft: Project) -> None:
    videos = pd.read_parquet(sft.results("sft", "videos"))
    assert videos.groupby("status").size().to_dict() == {"dropped": 1, "failed": 2, "ok": 5}
    table = pd.read_parquet(sft.results("sft", "default", "decisions"))
    by_video = table.groupby("video").rule.agg(lambda rules: sorted(set(rules.fillna("kept"))))
    assert by_video.to_dict() == {
        "boat.mp4": ["kept"],
        "long.mp4": ["kept"],
        "sun.mp4": ["kept"],
        "bateau.mp4": ["language"],
    }
    summary = json.loads(sft.results("summary.json").read_text())["sft"]
    selection = summary["selections"]["default"]
    assert selection["clips"] == len(table) == summary["input"]["clips"]
    assert selection["clips"] == selection["kept"] + sum(selection["dropped"].values())
    text = sft.results("summary.txt").read_text()
    assert "8 lines: 5 videos, 1 of other categories, 2 unusable" in text
    assert "Sports 6 of 6, Music 0 of 1" in text


def test_training_file_loads_with_the_trainers_reader(sft: Project) -> None:
    merged = sft.results(*MERGED)
    samples = [read_sample(merged, offset) for offset in read_offsets(merged)]
    table = pd.read_parquet(sft.results("sft", "default", "decisions"))
    assert len(samples) == table.kept.sum()
    for user, assistant in samples:
        video, query = user["content"]
        stream = assistant["content"][0]["text_stream"]
        window = video_window(stream[0][0], stream[-1][1])
        assert (video["video_start"], video["video_end"]) == window
        assert query["title"] == f"About {video['video']}"
        # A clip begins with a sentence: what was said before ends with one.
        assert query["previous"] == "" or query["previous"][-1] == "."
        assert stream[0][2][0].isupper()


def test_other_categories_clip_only_their_own(sft: Project, tmp_path: Path) -> None:
    project = sft.copy(tmp_path / "p")
    project.config["filter_categories"] = {"categories": ["Sports", "Music"]}
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    stats = project.stats("score_lm_loss", "one", "sft")
    # song.mp4 has boat.mp4's words under another title: one more clip to score.
    assert (stats["scored"], stats["found"]) == (1, stats["items"] - 1)


def test_second_run_does_nothing(sft: Project, tmp_path: Path) -> None:
    assert sft.copy(tmp_path / "p").run().jobs() == {}
