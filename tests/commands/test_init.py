"""`livecc init`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from livecc import configuration


def init(working: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "livecc.commands", "init", *arguments]
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
    ("arguments", "words"), [(["nowhere"], "no such folder"), ([], "name the folder")]
)
def test_what_cannot_be_done(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = init(tmp_path, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
