"""Results in a folder with an odd name, and videos with odd names, through Snakemake itself."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.pictures import write_moving_square
from tests.workflow.running import FOLD, Project, record

pytestmark = pytest.mark.workflow


def test_results_and_videos_with_odd_names(
    tmp_path: Path, tiny_lm: Path, face_detector: Path
) -> None:
    project = Project(tmp_path)
    videos = tmp_path / "my videos"
    videos.mkdir()
    names = ["it's $HOME.mp4", "-dash.mp4", "a#b;c&d.mp4", 'q"uote`id`.mp4', "ünï.mp4"]
    for name in names:
        write_moving_square(videos / name)
    os.mkfifo(videos / "pipe.mp4")
    lines = [record(name, FOLD) for name in [*names, "pipe.mp4"]]
    # No file can be called so: the line fails, and nothing else does.
    lines.append(record("nul\0.mp4", FOLD))
    # These lead to files, which are not for them.
    write_moving_square(tmp_path / "outside.mp4")
    (videos / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    outside = ["../outside.mp4", str(tmp_path / "outside.mp4"), "link.mp4"]
    lines += [record(name, FOLD) for name in outside]
    project.write_input("one", lines)
    project.write_input("two", [record(names[0], FOLD)])
    results = tmp_path / "re's ults $(touch pwned)"
    project.config = {
        "device": "cpu",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
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
    assert not set(outside) & set(table[table.kept].video)
    assert table[table.video == "link.mp4"].why.str.contains("symbolic link leads out").all()
    listed = pd.read_parquet(results / "pretrain" / "videos" / "one.parquet")
    assert listed[listed.status == "failed"].reason.str.contains("is an absolute path").any()
    summary = (results / "summary.txt").read_text()
    assert "in several shards, used once" in summary
    assert f"{len(names)} samples" in summary
