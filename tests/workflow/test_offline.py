"""Packages that were collected beforehand are enough to install from."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from running import REPOSITORY

pytestmark = pytest.mark.workflow


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The Makefile, with one requirement that is published as source only."""
    clone = tmp_path / "clone"
    (clone / "envs").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", clone / "Makefile")
    (clone / "envs" / "base.txt").write_text("orjson>=3.10,<4\n")
    (clone / "envs" / "workflow.txt").write_text("-r base.txt\npython_speech_features>=0.6,<1\n")
    return clone


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    small = ("REQUIREMENTS=envs/workflow.txt", "TORCH_SPEC=orjson", "ONNXRUNTIME=")
    return subprocess.run(
        ["make", *words, *small], cwd=clone, capture_output=True, text=True, check=False
    )


def test_wheels_are_all_that_setup_needs(clone: Path) -> None:
    made = make(clone, "wheels", "VENV=online")
    assert made.returncode == 0, made.stderr
    wheels = sorted(path.name.split("-")[0] for path in (clone / "wheels").iterdir())
    assert wheels == ["orjson", "python_speech_features"]
    made = make(clone, "setup", "env-workflow", "OFFLINE=1", "VENV=offline")
    assert made.returncode == 0, made.stderr
    for environment in ("offline", "offline-workflow"):
        python = clone / environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "show", "-q", "python_speech_features"], check=True)
    assert f"{clone}/offline-workflow/bin/python" in made.stdout


def test_nothing_else_is_installed_offline(clone: Path) -> None:
    (clone / "wheels").mkdir()
    made = make(clone, "setup", "OFFLINE=1", "VENV=offline")
    assert made.returncode != 0
    assert "No matching distribution found for orjson" in made.stderr


def test_prefetch_says_what_it_needs(clone: Path) -> None:
    made = make(clone, "prefetch")
    assert made.returncode != 0
    assert "make prefetch CONFIG=my.yaml" in made.stderr
    assert not (clone / ".venv").exists()
