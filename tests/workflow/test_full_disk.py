"""A run whose results are on a disk that fills up."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.files_that_end import fill, mount
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow
MERGED = "pretrain/default/livecc_pretrain_default_with_seeks.jsonl"


def contents(folder: Path) -> dict[str, bytes]:
    """Everything but logs and what says how long it took."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    kept = ("pretrain/clips/", "pretrain/scores/", "pretrain/transcripts/", "cache/")
    return {name: path.read_bytes() for name, path in files.items() if name.startswith(kept)}


def test_run_goes_on_when_there_is_space_again(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"]["words_per_second"] = {"max": 3}
    results = project.results()
    moved = results.rename(project.folder / "moved")
    with mount(results, "16m"):
        shutil.copytree(moved, results, dirs_exist_ok=True)
        before = contents(results)
        fill(results / "filler")
        run = project.run()
        assert run.status != 0
        assert "cannot be written (No space left on device); free some space" in run.output
        assert "Traceback" not in run.output
        assert contents(results) == before
        assert (results / MERGED).read_bytes() == (moved / MERGED).read_bytes()
        (results / "filler").unlink()
        run = project.run()
        assert run.status == 0, run.output[-3000:]
        assert run.jobs() == {
            "select_samples": 1,
            "merge_samples": 1,
            "check_samples": 1,
            "export_parquet": 1,
            "export_card": 1,
            "summarize": 1,
        }
        assert contents(results) == before
        # No clip is between the two bounds.
        assert (results / MERGED).read_bytes() == (moved / MERGED).read_bytes()
