"""Results in a folder with an odd name, and videos with odd names, through Snakemake itself."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from conftest import write_video
from running import FOLD, Project, record

pytestmark = pytest.mark.workflow


def test_results_and_videos_with_odd_names(
    tmp_path: Path, tiny_lm: Path, face_detector: Path
) -> None:
    project = Project(tmp_path)
    videos = tmp_path / "my videos"
    videos.mkdir()
    names = ["it's $HOME.mp4", "-dash.mp4", "a#b;c&d.mp4", 'q"uote`id`.mp4', "ünï.mp4"]
    for name in names:
        write_video(videos / name)
    os.mkfifo(videos / "pipe.mp4")
    lines = [record(name, FOLD) for name in [*names, "pipe.mp4"]]
    # No file can be called so: the line fails, and nothing else does.
    lines.append(record("nul\0.mp4", FOLD))
    project.write_input("one", lines)
    project.write_input("two", [record(names[0], FOLD)])
    results = tmp_path / "re's ults $(touch pwned)"
    project.config = {
        "device": "cpu",
        "results": str(results),
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": str(videos)}},
        "score_lm_loss": {"model": str(tiny_lm)},
        "models_folder": str(tmp_path / "models"),
        "selections": {"default": {"pretrain": {"lm_loss": None}}},
    }
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "centerface").symlink_to(face_detector)
    run = project.run()
    assert run.status == 0, run.output[-4000:]
    assert not list(tmp_path.glob("**/pwned*"))
    table = pd.read_parquet(results / "pretrain" / "default" / "decisions")
    assert sorted(table[table.kept].video) == sorted([*names, names[0]])
    assert table[table.video == "pipe.mp4"].why.str.contains("a pipe or a device").all()
    summary = (results / "summary.txt").read_text()
    assert "in more than one shard, used once" in summary
    assert f"{len(names)} samples" in summary
