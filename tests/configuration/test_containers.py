"""What containers get to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from livecc import configuration
from livecc.configuration import containers


def test_folders_that_hold_everything(tmp_path: Path) -> None:
    (tmp_path / "real" / "videos").mkdir(parents=True)
    (tmp_path / "clone" / "models").mkdir(parents=True)
    (tmp_path / "videos").symlink_to(tmp_path / "real" / "videos")
    wanted = ["clone", "clone/models", "clone/not/yet/results", "videos"]
    assert containers.visible_folders(tmp_path / name for name in wanted) == [
        tmp_path / "clone",
        tmp_path / "real" / "videos",
        tmp_path / "videos",
    ]


def test_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(containers, "NVIDIA_DEVICE", tmp_path / "nvidiactl")
    variables = containers.container_environment([tmp_path], {})
    assert variables == {"SINGULARITY_BIND": str(tmp_path)}
    program = tmp_path / "apptainer"
    program.touch()
    program.chmod(0o755)
    (tmp_path / "nvidiactl").touch()
    variables = containers.container_environment([tmp_path], {"APPTAINER_BIND": "/a:/b"})
    assert variables == {"APPTAINER_BIND": f"/a:/b,{tmp_path}", "APPTAINER_NV": "1"}


def test_sources_and_lists_are_seen(tmp_path: Path) -> None:
    for name in ("down/sub", "dumps/a", "lists"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lists" / "out.txt").write_text("x\n")
    (tmp_path / "dumps" / "a" / "x1.jsonl").write_text("{}\n")
    (tmp_path / "facts.csv").write_text("id\n")
    parts = [
        {"format": "ytdlp", "paths": [str(tmp_path / "down")]},
        {
            "format": "jsonl",
            "paths": [str(tmp_path / "dumps" / "*" / "x*.jsonl")],
            "metadata": [str(tmp_path / "facts.csv")],
        },
    ]
    config = configuration.complete(
        {
            "sources": {"s": {"shards": 2, "from": parts}},
            "tracks": {"pretrain": {"sources": ["s"], "videos": str(tmp_path)}},
            "exclude": [str(tmp_path / "lists" / "out.txt")],
        }
    )
    shown = {Path(folder) for folder in containers.folders_of(config)}
    wanted = {tmp_path / "down", tmp_path / "dumps" / "a", tmp_path, tmp_path / "lists"}
    assert wanted <= shown
