"""What a run says of itself while it runs, when a job fails, and at its end."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.support.places import LIVECC
from tests.workflow.running import FOLD, SUN, Project, record

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two shards, scored with langid alone: no model is fetched."""
    project = Project(tmp_path_factory.mktemp("followed"))
    (project.folder / "videos").mkdir()
    project.write_input("one", [record("boat.mp4", FOLD)])
    project.write_input("two", [record("sun.mp4", SUN), record("long.mp4", [*SUN, *FOLD], 900)])
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "score_lm_loss": {"enabled": False},
        "score_talking_head": {"enabled": False},
    }
    return project


def snapshot(project: Project) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(project.results("progress.json").read_text())
    return value


def follow(project: Project) -> str:
    command = [*LIVECC, "follow", "--once"]
    command.append(str(project.results()))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_failed_job_shows_its_log_and_can_be_repeated(project: Project) -> None:
    """Runs first: the next test repairs what fails here."""
    broken = project.folder / "broken-python"
    broken.write_text('#!/bin/sh\necho "first line"\necho "error: no such thing $4"\nexit 3\n')
    broken.chmod(0o755)
    run = project.copy(project.folder.with_name(f"{project.folder.name}-broken"))
    run.config["environments"] = {"lm": str(broken)}
    ended = run.run()
    assert ended.status != 0
    state = snapshot(run)
    assert state["state"] == "stopped"
    failures = {failure["job"]: failure for failure in state["failures"]}
    assert set(failures) == {"identify_language pretrain/one", "identify_language pretrain/two"}
    failure = failures["identify_language pretrain/one"]
    [log] = failure["logs"]
    assert log == "results/logs/pretrain/identify_language/one.log"
    assert failure["last_lines"][log] == ["first line", "error: no such thing --shard=one"]
    # At once; the list at the end has the command.
    assert ended.output.count("error: no such thing --shard=one") == 1
    # As it is shown, so it can be pasted into a shell.
    shown = ended.output.split("failed: identify_language pretrain/one")[2]
    words = shown.split("to rerun it:\n")[1].splitlines()
    command = "\n".join(line.strip() for line in words[:2])
    repeated = subprocess.run(["bash", "-c", command], check=False)
    assert repeated.returncode == 3
    assert "failed: identify_language pretrain/one" in follow(run)


def test_finished_run(project: Project) -> None:
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    state = snapshot(project)
    assert (state["state"], state["running"], state["failures"]) == ("finished", [], [])
    stages = {stage["stage"]: stage for stage in state["stages"]}
    assert {"clip_captions", "identify_language", "select_samples"} <= set(stages)
    assert "all" not in stages
    assert all(stage["finished"] == stage["jobs"] for stage in stages.values())
    scored = stages["identify_language"]
    items = sum(project.stats("identify_language", shard)["items"] for shard in ("one", "two"))
    assert (scored["jobs"], scored["done"], scored["total"]) == (2, items, items)
    assert scored["per_second"] > 0
    assert list(project.results("pretrain", "stats").rglob(".*")) == []
    text = project.results("progress.txt").read_text()
    assert text == follow(project)
    assert f"{items}/{items}" in text
