"""The list of shards, and what goes with a shard that is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.formats.layout import Layout
from livecc.formats.shard_list import read_shard_list, write_shard_list
from tests.support.places import SCRIPTS

SCRIPT = SCRIPTS / "list_shards.py"


def test_decisions_of_shards_that_are_gone_go(tmp_path: Path) -> None:
    files = [
        tmp_path / "default" / kind / f"{name}{suffix}"
        for kind, suffix in (("decisions", ".parquet"), ("samples", ".jsonl"), ("counts", ".json"))
        for name in ("a", "b.c")
    ]
    scores = tmp_path / "scores" / "score_lm_loss" / "b.c.parquet"
    for file in (*files, scores):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    write_shard_list(tmp_path / "shards.txt", ["d", "a"])
    assert (tmp_path / "shards.txt").read_text() == "a\nd\n"
    assert [file for file in files if file.exists()] == [f for f in files if f.stem == "a"]
    assert scores.exists()


def test_script_finds_the_shards_of_patterns(tmp_path: Path) -> None:
    for name in ("-b.jsonl", "a.jsonl.gz", "c.jsonl"):
        (tmp_path / name).touch()
    patterns = ["?.jsonl*", "c.jsonl"]
    result = list_shards(tmp_path, patterns)
    assert result.returncode == 0, result.stdout
    assert (tmp_path / "shards.txt").read_text() == "a\nc\n"


def test_script_says_what_is_wrong_with_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    result = list_shards(tmp_path, ["a.jsonl", "b.jsonl"])
    assert result.returncode == 1
    assert "PATTERN[1]: 'b.jsonl' matches no file" in result.stdout
    assert not (tmp_path / "shards.txt").exists()


def list_shards(folder: Path, patterns: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--output", "shards.txt", "--", *patterns]
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_what_is_no_list_is_told(tmp_path: Path) -> None:
    layout = Layout(str(tmp_path))
    path = Path(layout.shard_list("pretrain"))
    with pytest.raises(LiveccError, match="no results yet"):
        read_shard_list(layout, "pretrain")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(LiveccError, match=r"shards\.txt: .*\(it is not UTF-8\)"):
        read_shard_list(layout, "pretrain")
    write_shard_list(path, ["b", "a"])
    assert read_shard_list(layout, "pretrain") == ["a", "b"]
