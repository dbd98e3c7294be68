"""From a folder of downloads to training files: sources in the workflow."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.files.lines import read_lines
from livecc.planning.plan import make_plan
from livecc.planning.plan_text import render
from livecc.sources.places import place_of, shard_at
from tests.workflow.running import FOLD, SUN, Project
from tests.workflow.tracks import spoken

pytestmark = pytest.mark.workflow

SHARDS = 3
OFF = ("score_lm_loss", "probe_videos", "score_talking_head", "score_active_speaker", "transcribe")


def download(folder: Path, name: str, words: list[str], n_words: int = 150) -> None:
    """What yt-dlp leaves of a video: its info, and captions with the time of each word."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"About {name} [{name}]"
    info = {"id": name, "title": f"About {name}", "categories": ["Sports"], "duration": 70}
    (folder / f"{stem}.info.json").write_text(json.dumps(info))
    segments = [{"utf8": f"{words[n % len(words)]} ", "tOffsetMs": 400 * n} for n in range(n_words)]
    events = [{"tStartMs": 0, "dDurationMs": 400 * n_words, "segs": segments}]
    (folder / f"{stem}.en.json3").write_text(json.dumps({"events": events}))
    age(folder)


def age(folder: Path) -> None:
    """As if nothing were being written any more."""
    for path in folder.rglob("*"):
        os.utime(path, (time.time() - 3600,) * 2)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "p")
    for number in range(9):
        download(project.folder / "down", f"video{number}", FOLD if number % 2 else SUN)
    project.config = {
        "device": "cpu",
        "sources": {"down": {"shards": SHARDS, "from": [{"format": "ytdlp", "paths": ["down"]}]}},
        "tracks": {"pretrain": {"sources": ["down"], "inputs": [], "videos": "down"}},
        **{stage: {"enabled": False} for stage in OFF},
    }
    return project


def merged(project: Project) -> bytes:
    path = project.results("pretrain", "default", "livecc_pretrain_default_with_seeks.jsonl")
    return path.read_bytes()


def videos(project: Project) -> list[str]:
    lines = merged(project).splitlines()[:-1]
    return sorted({json.loads(line)[0]["content"][0]["video"] for line in lines})


def shard_of(name: str) -> int:
    return shard_at(place_of(name), SHARDS)


def test_folder_of_downloads_becomes_training_files(project: Project) -> None:
    dry = project.run("--dry-run")
    assert dry.status == 0, dry.output[-3000:]
    assert not project.results().exists()

    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert run.jobs()["ingest"] == SHARDS
    assert videos(project) == [f"video{number}.mp4" for number in range(9)]
    again = project.run()
    assert "Nothing to be done" in again.output, again.output[-3000:]
    first = merged(project)

    # One more video runs its shard alone.
    download(project.folder / "down" / "sub", "new", FOLD)
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    jobs = run.jobs()
    assert jobs["ingest"] == jobs["clip_captions"] == jobs["identify_language"] == 1, jobs
    assert "new.mp4" in videos(project)
    assert project.run().jobs() == {}

    # Without it, another number of shards changes no byte.
    for path in (project.folder / "down" / "sub").iterdir():
        path.unlink()
    project.config["sources"]["down"]["shards"] = 5
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert merged(project) == first
    assert len(list(project.results("sources", "down", "lines").iterdir())) == 5


def test_the_first_run_has_a_price(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what the listing finds, though no shard is there to look into."""
    monkeypatch.chdir(project.working)
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    configuration.overlay(config, project.settings())
    config = configuration.complete(config)
    plans = {plan.stage: plan for plan in make_plan(config)}
    assert plans["ingest"].jobs == SHARDS
    assert plans["ingest"].track == "pretrain"
    language = plans["identify_language"]
    assert (language.unknown_jobs, language.unforeseen_jobs) == (SHARDS, 0)
    assert language.expected_to_score.low == pytest.approx(9)
    assert language.hours is not None
    assert language.hours.low > 0
    text = render(list(plans.values()))
    assert "~9" in text
    assert "Not estimated" not in text
    assert not project.results().exists()


def test_a_video_that_is_not_there_has_a_reason(project: Project) -> None:
    (project.folder / "down" / "About bad [bad].info.json").write_text(
        '{"id": "bad", "title": "T"}'
    )
    (project.folder / "down" / "About bad [bad].en.vtt").write_text("no captions at all")
    (project.folder / "down" / "half.mp4.part").write_bytes(b"x")
    age(project.folder / "down")
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert "bad" in run.output
    assert "down: 1 download not finished" in run.output
    told = json.loads(project.results("sources", "down", "assigned.json").read_text())
    assert sum(count for count, _ in told["left_out"].values()) >= 1
    lines = project.results("sources", "down", "lines")
    found: dict[str, Any] = {}
    for path in lines.iterdir():
        for _, line in read_lines(path):
            record = json.loads(line or b"")
            found[record["id"]] = record
    assert "problem" in found["bad"]


def test_dumps_are_divided_once(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.folder.mkdir()
    project.write_input(
        "dump", [{**spoken(f"v{n}.mp4", FOLD), "id": f"v{n}", "subtitles": []} for n in range(6)]
    )
    project.config = {
        "device": "cpu",
        "sources": {
            "all": {"shards": SHARDS, "from": [{"format": "jsonl", "paths": ["input/dump.jsonl"]}]}
        },
        "tracks": {"sft": {"sources": ["all"], "inputs": [], "videos": "input"}},
        **{stage: {"enabled": False} for stage in OFF},
        "make_prompts": {"gate": "none"},
    }
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert run.jobs()["split_dump"] == 1
    assert (
        sum(
            project.stats("filter_categories", f"all-{n:05d}-of-00003", "sft")["records"]
            for n in range(3)
        )
        == 6
    )
    assert "Nothing to be done" in project.run().output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sources": ["dwon"]}, "'dwon' is not in `sources` (did you mean 'down'?)"),
        ({"videos": "nowhere"}, "'nowhere' is not a folder"),
    ],
)
def test_wrong_settings_are_told(project: Project, change: dict[str, Any], words: str) -> None:
    project.config["tracks"]["pretrain"] |= change
    run = project.run("--dry-run")
    assert run.status == 1
    assert words in " ".join(run.output.split()), run.output


def test_a_video_in_two_sources_of_a_track_is_told(project: Project) -> None:
    """Before a run where folders tell it, and by the first job that sees it where dumps do."""
    project.config["sources"]["more"] = {
        "shards": 2,
        "from": [{"format": "ytdlp", "paths": ["down"]}],
    }
    project.config["tracks"]["pretrain"]["sources"] = ["down", "more"]
    run = project.run("--dry-run")
    assert run.status == 1
    told = " ".join(run.output.split())
    assert "error: tracks.pretrain.sources: down and more both hold 9 videos (such as" in told
    assert "make them one source" in told

    project.write_input("dump", [{**spoken("v.mp4", FOLD), "id": "video3", "subtitles": []}])
    dump = {"format": "jsonl", "paths": ["input/dump.jsonl"]}
    project.config["sources"]["more"]["from"] = [dump]
    run = project.run()
    assert run.status == 1
    told = " ".join(run.output.split())
    assert "down and more both hold 1 video (such as video3)" in told, run.output[-3000:]
    assert not project.results("pretrain", "default").exists()

    # As one source, the first that holds it is taken.
    project.config["sources"]["down"]["from"].append(dump)
    project.config["tracks"]["pretrain"]["sources"] = ["down"]
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert videos(project) == [f"video{number}.mp4" for number in range(9)]
    assert "the same id again" in run.output


def test_missing_folder_is_told(project: Project) -> None:
    project.config["sources"]["down"]["from"][0]["paths"] = ["nowhere"]
    run = project.run("--dry-run")
    assert run.status == 1
    assert "nowhere" in run.output
    assert "Traceback" not in run.output
