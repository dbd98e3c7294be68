"""What make installs, the program livecc included; packages collected beforehand are enough."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from envs import lock
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.workflow


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project, with one requirement that is published as source only, and what livecc needs."""
    clone = tmp_path / "clone"
    (clone / "envs" / "locks").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", "envs/lock.py"):
        shutil.copy(REPOSITORY / name, clone / name)
    shutil.copytree(
        REPOSITORY / "livecc", clone / "livecc", ignore=shutil.ignore_patterns("__pycache__")
    )
    (clone / "envs" / "base.txt").write_text("orjson>=3.10,<4\n")
    (clone / "envs" / "workflow.txt").write_text("-r base.txt\npython_speech_features>=0.6,<1\n")
    pins = [pin.text(hashes=True) for pin in locked().values()]
    (clone / "envs" / "locks" / "cpu.txt").write_text("\n".join(pins))
    return clone


def locked() -> dict[str, lock.Pin]:
    """What the workflow's own lock has of the packages of the small project."""
    pins = lock.read((lock.LOCKS / "cpu.txt").read_text())
    wanted = ("orjson", "python-speech-features", "setuptools")
    return {pin.name: pin for pin in pins if pin.name in wanted}


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    small = ("REQUIREMENTS=envs/workflow.txt", "TORCH_SPEC=orjson", "ONNXRUNTIME=")
    return subprocess.run(
        ["make", *words, *small], cwd=clone, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("versions", ["LOCK=yes", "LOCK="])
def test_wheels_are_all_that_setup_needs(clone: Path, versions: str) -> None:
    made = make(clone, "wheels", versions, "VENV=online")
    assert made.returncode == 0, made.stderr
    wheels = sorted(path.name.split("-")[0] for path in (clone / "wheels").iterdir())
    assert wheels == ["orjson", "python_speech_features", "setuptools"]
    # Environments of one kind have no lock.
    kinds = ["env-workflow"] if versions == "LOCK=" else []
    made = make(clone, "setup", *kinds, versions, "OFFLINE=1", "VENV=offline")
    assert made.returncode == 0, made.stderr
    for environment in ("offline", *(f"offline-{kind.removeprefix('env-')}" for kind in kinds)):
        python = clone / environment / "bin" / "python"
        subprocess.run([python, "-m", "pip", "show", "-q", "python_speech_features"], check=True)
        assert imported_library(python) == clone / "livecc"
        assert python.with_name("livecc").is_file()
        assert environment == "offline" or f"{python}" in made.stdout
    if versions == "LOCK=yes":
        freeze = [clone / "offline" / "bin" / "python", "-m", "pip", "freeze", "--all"]
        installed = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
        assert "orjson" in locked()
        for pin in locked().values():
            # Names are written as their authors do.
            version = pin.requirement.partition(" ")[0].partition("==")[2]
            assert f"{pin.name.replace('-', '_')}=={version}" in installed.splitlines()


def test_package_that_is_not_the_locked_one_is_refused(clone: Path) -> None:
    file = clone / "envs" / "locks" / "cpu.txt"
    digests = locked()["orjson"].hashes
    text = file.read_text()
    for digest in digests:
        text = text.replace(digest, f"sha256:{'0' * 64}")
    file.write_text(text)
    for target in ("setup", "wheels"):
        made = make(clone, target, "LOCK=yes", "VENV=online")
        assert made.returncode != 0
        assert re.search("DO NOT MATCH THE HASHES|Hash mismatch", made.stderr)
    assert not list(clone.glob("online/.setup*"))
    assert not list(clone.glob("wheels/orjson*"))


def imported_library(python: Path) -> Path:
    """Where a Python finds the library from a folder that is not the repository's."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import livecc; print(livecc.__path__[0])"
    child = subprocess.run(
        [python, "-c", code], cwd="/", env=environment, capture_output=True, text=True, check=True
    )
    return Path(child.stdout.strip())


def test_nothing_else_is_installed_offline(clone: Path) -> None:
    (clone / "wheels").mkdir()
    made = make(clone, "setup", "LOCK=", "OFFLINE=1", "VENV=offline")
    assert made.returncode != 0
    assert "No matching distribution found for orjson" in made.stderr


def test_prefetch_says_what_it_needs(clone: Path) -> None:
    made = make(clone, "prefetch")
    assert made.returncode != 0
    assert "make prefetch CONFIG=my.yaml" in made.stderr
    assert not (clone / ".venv").exists()
