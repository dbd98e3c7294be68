"""A run ends with its page, which is made again when what it shows has changed."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from livecc.report.run import recorded_run
from tests.support.places import REPOSITORY
from tests.workflow.running import FOLD, Project, record

pytestmark = pytest.mark.workflow


def test_a_run_ends_with_its_page(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    (project.folder / "videos").mkdir(parents=True)
    shutil.copy(REPOSITORY / "demo/media/paper_boat.mp4", project.folder / "videos" / "boat.mp4")
    project.write_input("one", [record("boat.mp4", FOLD)])
    project.config = {
        "device": "cpu",
        "report": {"played": 1},
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        **{
            stage: {"enabled": False}
            for stage in ("probe_videos", "score_lm_loss", "score_talking_head")
        },
    }
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert run.jobs()["report"] == 1
    page = project.results("report.html").read_text(encoding="utf-8")
    assert 'id="strip-0-0"' in page
    assert 'id="proxy-0-0"' in page
    # The command to repeat the run names the user's configuration.
    assert "livecc browse --configfile my.yaml" in page
    (track,) = recorded_run(project.results()).tracks
    assert track.selections.keys() == {"default"}
    assert project.run().jobs() == {}
    # Snakemake's own report carries the page as it is.
    told = project.run("--report", "run.zip")
    assert told.status == 0, told.output[-3000:]
    with zipfile.ZipFile(project.folder / "run.zip") as archive:
        (carried,) = (name for name in archive.namelist() if "/data/raw/" in name)
        assert archive.read(carried) == page.encode()
    # What only sets the pace of jobs makes no new page, a threshold does.
    project.config["resources"] = {
        "clip_captions": {"gpu": 0, "mem_mb": 900, "runtime": 9, "threads": 1}
    }
    assert project.run().jobs() == {}
    rules = {"words_per_second": {"min": 0.1, "max": 9}}
    project.config["selections"] = {"default": {"pretrain": rules}}
    assert project.run().jobs()["report"] == 1
    recorded = json.loads(project.results("report.json").read_text())
    kept = recorded["tracks"]["pretrain"]["selections"]["default"]["words_per_second"]
    assert kept == {"min": 0.1, "max": 9}
