"""What is said about the software of a result."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from livecc import __version__, software
from livecc.stages.tracks import MERGE_SAMPLES
from tests.support.built_in import CATALOGUE, STAGES


def test_every_stage_with_a_cache_names_its_packages() -> None:
    for stage in [*CATALOGUE.cached_stages, MERGE_SAMPLES]:
        assert stage.packages, stage.name


def test_versions_are_those_installed() -> None:
    versions = software.versions_of(STAGES["score_lm_loss"].packages)
    assert versions["torch"] == metadata.version("torch")
    assert list(versions) == sorted(versions)
    assert set(software.versions_of(("no-such-package",))) == {"python", "numpy"}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository that takes the place of this one."""
    folder = (tmp_path / "clone").resolve()
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "code.py").write_text("one")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "x")
    monkeypatch.setattr(software, "REPOSITORY", folder)
    return folder


def test_commit_and_changes_of_the_code(repository: Path) -> None:
    expected = {"version": __version__, "commit": git(repository, "rev-parse", "HEAD")}
    (repository / "results").mkdir()
    assert software.code_version() == {**expected, "dirty": False}
    (repository / "code.py").write_text("two")
    assert software.code_version() == {**expected, "dirty": True}


def test_code_outside_of_git_has_no_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it lies in a repository, but of something else."""
    (repository / "unpacked").mkdir()
    monkeypatch.setattr(software, "REPOSITORY", repository / "unpacked")
    assert software.code_version() == {"version": __version__, "commit": None, "dirty": None}
