"""The list of shards, and what goes with a shard that is gone."""

from __future__ import annotations

from pathlib import Path

from livecc.shard_list import write_shard_list


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
