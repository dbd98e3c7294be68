"""A configuration over made-up results of both tracks, for the commands that read results."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from livecc.files.parquet import write_table
from livecc.formats.layout import Layout
from livecc.formats.tables import schema
from tests.support.built_in import TRACK_STAGES
from tests.support.places import LIVECC
from tests.support.random_results import write_shard

SHARDS = ("a", "b", "c")


def write_project(folder: Path, videos: int = 12) -> Path:
    """Write my.yaml, inputs and scored shards of both tracks below `folder`; returns it."""
    rng = np.random.default_rng(3)
    settings: dict[str, Any] = {"results": str(folder / "results"), "tracks": {}}
    for track in TRACK_STAGES:
        inputs = folder / track
        inputs.mkdir(parents=True)
        for shard in SHARDS:
            write_shard(folder / "results", track, shard, rng, videos)
            (inputs / f"{shard}.jsonl").touch()
            _write_lines(folder / "results", track, shard, videos)
        settings["tracks"][track] = {"inputs": [f"{inputs}/*.jsonl"], "videos": str(inputs)}
    bounds = {"lm_loss": {"min": 0.3, "max": 6.5}, "talking_head": {"below": 0.9}}
    settings["selections"] = {"wide": {"pretrain": bounds}}
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))
    return folder


def _write_lines(results: Path, track: str, shard: str, videos: int) -> None:
    """The table of input lines: line k + 1 is that of the video k, and the last one is unusable."""
    table = "videos" if track == "pretrain" else "transcribed_videos"
    path = Path(Layout(str(results)).shard(track, shard).videos)
    rows = [
        {"line": n + 1, "video": f"{shard} {n}.mp4", "status": "ok", "clips": 1}
        for n in range(videos)
    ]
    bad = {
        "line": videos + 1,
        "video": f"{shard} bad.mp4",
        "status": "failed",
        "reason": "no words",
    }
    write_table(path, schema(table), [*rows, bad])


def run(project: Path, command: str, *words: object) -> subprocess.CompletedProcess[str]:
    """`livecc COMMAND` with the configuration of the project, in its folder."""
    line = [*LIVECC, command, *map(str, words), "--configfile", str(project / "my.yaml")]
    return subprocess.run(line, capture_output=True, text=True, cwd=project, check=False)
