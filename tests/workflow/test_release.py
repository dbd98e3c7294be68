"""The manifest that a run writes beside its training file."""

from __future__ import annotations

import json
import re
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from livecc.formats.samples import read_offsets
from livecc.selecting.verify import verify
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow
NAME = "livecc_pretrain_default_with_seeks.jsonl"


def released(project: Project) -> Path:
    return project.results("pretrain", "default", f"{NAME}.manifest.json")


def without_commit(path: Path) -> str:
    """The text of a manifest; who develops may commit while tests run."""
    return re.sub(r'"(commit|dirty)": .*', "", path.read_text())


def test_manifest_is_of_the_file(project: Project) -> None:
    path = released(project)
    assert verify(path) == []
    told = json.loads(path.read_text())
    assert told["counts"]["samples"] == len(read_offsets(path.with_name(NAME))) > 0
    assert told["configuration"]["thresholds"]["lm_loss"] == {"min": 0.0, "max": 50.0}
    assert told["configuration"]["gates"]["score_lm_loss"] == {"words_per_second": {"max": 8}}
    assert set(told["models"]) == {"score_lm_loss", "score_talking_head"}
    (scores,) = told["scores"]["score_lm_loss"]
    assert scores["settings"]["dtype"] == "float32"
    assert scores["software"]["torch"] == [metadata.version("torch")]
    assert set(told["scores"]) == {"identify_language", "score_lm_loss", "score_talking_head"}
    assert str(project.folder) not in path.read_text()
    assert "/tmp" not in path.read_text()


def test_sharding_and_place_do_not_show(project: Project) -> None:
    """All lines in one shard, in another order, into another folder: the same bytes."""
    before = without_commit(released(project))
    lines = [
        line
        for path in sorted((project.folder / "input").iterdir())
        for line in path.read_text().splitlines()
    ]
    shutil.rmtree(project.folder / "input")
    project.write_input("all", lines[::-1])
    project.config["results"] = "elsewhere"
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    after = project.folder / "elsewhere" / "pretrain" / "default"
    assert (after / NAME).read_bytes() == released(project).with_name(NAME).read_bytes()
    assert without_commit(after / f"{NAME}.manifest.json") == before
