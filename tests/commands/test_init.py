"""`livecc init`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from livecc import configuration

#: Root may do everything, unless this program takes away what it may.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


def init(
    working: Path, *arguments: str, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "livecc.commands", "init", *arguments]
    return subprocess.run(
        command,
        cwd=working,
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
    )


def test_a_folder_of_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "down"
    folder.mkdir()
    for name in ("a.mp4", "a.info.json", "a.en.vtt"):
        (folder / name).write_text("x")
    done = init(tmp_path, "down")
    assert done.returncode == 0, done.stderr
    assert "ytdlp" in done.stdout
    assert "snakemake --configfile my.yaml --cores all" in done.stdout
    monkeypatch.chdir(tmp_path)
    config = configuration.load([tmp_path / "my.yaml"])
    assert configuration.used_sources(config) == {"videos": ["pretrain", "sft"]}

    again = init(tmp_path, "down")
    assert again.returncode == 1
    assert "my.yaml exists" in again.stderr
    assert init(tmp_path, "down", "--force", "--track", "sft").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nowhere"], 1, "no such folder"),
        ([], 1, "name the folder"),
        ([""], 2, "an argument is empty"),
        (["--force", ""], 2, "an argument is empty"),
        (["down", "--output="], 2, "--output is empty"),
        (["down", "--output", ""], 2, "--output is empty"),
        (["down", "--results", " "], 1, "--results: name the folder"),
        (["down", "--results", "down"], 1, "--results down: is the folder of the videos itself"),
        (["/"], 1, "everything on this machine"),
        (["down/a.mp4"], 1, "a.mp4: is a file; name the folder that it is in"),
        (["down", "--output", "down"], 1, "is a folder; name a file"),
        (["down", "--output", "down/a.mp4/my.yaml"], 1, "(it is a file)"),
        (["down", "--output", "/proc/nowhere/my.yaml"], 1, "/proc/nowhere"),
    ],
)
def test_what_cannot_be_done(tmp_path: Path, arguments: list[str], status: int, words: str) -> None:
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "a.mp4").touch()
    done = init(tmp_path, *arguments)
    assert done.returncode == status, done.stderr
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert ".tmp" not in done.stderr
    assert not (tmp_path / "my.yaml").exists()


@pytest.mark.skipif(
    bool(UNPRIVILEGED) and shutil.which("setpriv") is None, reason="root may do everything"
)
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "down").mkdir(mode=0o000)
    (tmp_path / "locked").mkdir(mode=0o555)
    assert "cannot be read (no permission)" in init(tmp_path, "down", prefix=UNPRIVILEGED).stderr
    (tmp_path / "down").chmod(0o755)
    (tmp_path / "down" / "a.mp4").touch()
    done = init(tmp_path, "down", "--output", "locked/my.yaml", prefix=UNPRIVILEGED)
    assert "cannot be written" in done.stderr
    assert "(no permission)" in done.stderr


def test_results_of_an_earlier_run_are_no_input(tmp_path: Path) -> None:
    (tmp_path / "pretrain").mkdir(parents=True)
    (tmp_path / "a.jsonl").write_text('{"video": "a.mp4", "subtitles": []}\n')
    (tmp_path / "results" / "pretrain").mkdir(parents=True)
    (tmp_path / "results" / "pretrain" / "b.jsonl").write_text('{"video": "b.mp4"}\n')
    done = init(tmp_path, ".")
    assert done.returncode == 0, done.stderr
    assert f"inputs: [{tmp_path}/a.jsonl]" in (tmp_path / "my.yaml").read_text()
