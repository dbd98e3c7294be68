"""What a user is told: one message that says what to do, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from livecc.stages.catalogue import catalogue_for
from tests.support.places import REPOSITORY
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow

SCRIPTS = sorted((REPOSITORY / "scripts").glob("*.py"))


#: Scripts that people ran until livecc took their place.
RENAMED = {
    "cache",
    "draw_active_speaker",
    "follow",
    "install_profile",
    "shard_input",
    "validate_input",
    "verify_release",
    "what_if",
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_has_help(script: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.lower().startswith("usage:")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_has_a_rule_or_was_renamed(script: Path) -> None:
    rules = {"score_stage"} | {file.stem for file in (REPOSITORY / "rules").glob("*.smk")}
    rules |= {stage.name for stage in catalogue_for({}).cached_stages}
    assert script.stem in RENAMED | rules


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"mode": "papr"}, ["mode: 'papr'", "did you mean 'paper'"]),
        ({"score_lm_loss": {"model": "qwen2-1.5b-instrct"}}, ["qwen2-1.5b-instruct"]),
        ({"score_lm_loss": {"model": "./no-model"}}, ["./no-model", "no such folder"]),
        (
            {"tracks": {"pretrain": {"inputs": ["input/thre.jsonl"], "videos": "videos"}}},
            ["tracks.pretrain.inputs[0]", "matches no file"],
        ),
    ],
)
def test_wrong_configuration_stops_before_any_job(
    project: Project, over: dict[str, Any], words: list[str]
) -> None:
    project.config.update(over)
    run = project.run()
    assert run.status != 0
    assert [word for word in words if word not in run.output] == []
    assert "Traceback" not in run.output
    assert run.jobs() == {}


def test_folder_that_is_no_model(project: Project) -> None:
    folder = project.folder / "not-a-model"
    folder.mkdir()
    (folder / "readme.txt").write_text("nothing here\n")
    project.config["score_lm_loss"]["model"] = str(folder)
    run = project.run()
    assert run.status != 0
    assert "error: " in run.output
    assert str(folder) in run.output
    assert "Traceback" not in run.output


def test_unscored_fail_names_the_clip(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"]["on_unscored"] = "fail"
    run = project.run()
    assert run.status != 0
    assert "has no talking_head" in run.output
    assert "Traceback" not in run.output
