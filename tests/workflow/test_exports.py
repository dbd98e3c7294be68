"""Exports and splits in a run: which jobs run when, and what comes of them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml

from livecc.formats.samples import read_offsets
from livecc.selecting.verify import manifests, verify
from tests.exports.trainer_readers import livecc_offsets, streaming_vlm_offsets
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow

STEM = "livecc_pretrain_default"
NAME = f"{STEM}_with_seeks.jsonl"
HELD_OUT = f"{STEM}_validation_with_seeks.jsonl"


def released(project: Project) -> Path:
    return project.results("pretrain", "default")


def problems(project: Project) -> list[str]:
    return [problem for path in manifests([project.results()]) for problem in verify(path)]


def run(project: Project) -> dict[str, int]:
    done = project.run()
    assert done.status == 0, done.output[-3000:]
    return done.jobs()


def header(card: Path) -> dict[str, object]:
    told: dict[str, object] = yaml.safe_load(card.read_text().split("---\n", 2)[1])
    return told


def test_table_and_card_of_a_run(project: Project) -> None:
    folder = released(project)
    rows = pd.read_parquet(folder / "samples.parquet")
    assert len(rows) == len(livecc_offsets(folder / NAME)) > 0
    decisions = pd.read_parquet(folder / "decisions").set_index("clip")
    assert rows.lm_loss.tolist() == decisions.lm_loss[rows.id].tolist()
    assert set(rows.split) == {"train"}
    text = (folder / "README.md").read_text()
    assert str(project.folder) not in text
    assert f"| train | {len(rows)} |" in text
    assert header(folder / "README.md")["license"] == "unknown"
    assert problems(project) == []
    assert len(manifests([project.results()])) == 3


def test_options_of_an_export_run_that_alone(project: Project) -> None:
    project.config["exports"] = {"card": {"license": "cc-by-4.0", "name": "me/mine"}}
    assert run(project) == {"export_card": 1}
    card = released(project) / "README.md"
    assert header(card)["license"] == "cc-by-4.0"
    assert 'load_dataset("me/mine"' in card.read_text()
    project.config["exports"]["formats"] = ["parquet", "seeks", "card"]
    # The card names the new file.
    assert run(project) == {"export_seeks": 1, "export_card": 1}
    assert streaming_vlm_offsets(released(project) / NAME) == livecc_offsets(
        released(project) / NAME
    )
    assert f"{STEM}_seeks.jsonl" in card.read_text()
    assert problems(project) == []
    assert "Nothing to be done" in project.run().output


def test_splits_run_nothing_before_merging(project: Project) -> None:
    folder = released(project)
    whole = (folder / NAME).read_bytes()
    before = {path.name for path in folder.iterdir()}
    project.config["split"] = {"validation": 0.5}
    project.config["exports"] = {"formats": ["parquet", "seeks", "card"]}
    jobs = run(project)
    assert jobs == {
        **{"merge_samples": 1, "check_samples": 1, "check_samples_validation": 1},
        **{"export_parquet": 1, "export_seeks": 1, "export_card": 1, "summarize": 1},
    }
    files = [folder / NAME, folder / HELD_OUT]
    lines = [line for path in files for line in path.read_bytes().splitlines()[:-1]]
    assert sorted(lines) == sorted(whole.splitlines()[:-1])
    counts = {"train": 0, "validation": 0}
    for split, path in zip(counts, files, strict=True):
        counts[split] = len(read_offsets(path))
        manifest = json.loads(Path(f"{path}.manifest.json").read_text())
        assert (manifest["split"], manifest["counts"]["samples"]) == (split, counts[split])
        assert json.loads(Path(f"{path}.check.json").read_text())["samples"] == counts[split]
        assert streaming_vlm_offsets(path) == read_offsets(path)
    assert all(counts.values()), counts
    found = duckdb.sql(f"SELECT split, count(*) FROM '{folder}/samples*.parquet' GROUP BY split")
    assert dict(found.fetchall()) == counts
    text = project.results("summary.txt").read_text()
    for split, count in counts.items():
        assert f"{count:>8} {split}" in text
    assert "duplicates" not in text
    assert problems(project) == []
    assert "Nothing to be done" in project.run().output
    # And back: the bytes and files of before.
    del project.config["split"]
    del project.config["exports"]
    run(project)
    assert (folder / NAME).read_bytes() == whole
    assert {path.name for path in folder.iterdir()} == before


def test_a_split_without_training_is_told(project: Project) -> None:
    project.config["split"] = {"validation": 0.6, "test": 0.4}
    done = project.run()
    assert done.status != 0
    assert "leaves no video for training" in done.output


def test_an_unknown_format_is_told(project: Project) -> None:
    project.config["exports"] = {"formats": ["parket"]}
    done = project.run()
    assert done.status != 0
    assert "exports.formats" in done.output
    assert "parquet" in done.output
