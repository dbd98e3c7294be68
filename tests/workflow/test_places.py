"""The same results from other places, by other users, at once, and where nothing may be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.other_writer import hold
from tests.support.places import REPOSITORY
from tests.workflow.running import FOLD, SUN, Project, Run, record

pytestmark = pytest.mark.workflow

SELECTING = {
    **{"select_samples": 1, "merge_samples": 1, "check_samples": 1, "summarize": 1},
    **{"export_parquet": 1, "export_card": 1},
}
#: Somebody who is not root, without groups; who may read everything, because Python may be root's.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.fixture(scope="module")
def finished() -> Iterator[Project]:
    """A small finished project in a folder that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        project = Project(Path(name, "p"))
        project.folder.mkdir()
        project.write_input("p1", [record("boat.mp4", FOLD), record("sun.mp4", SUN)])
        project.config = {
            "device": "cpu",
            "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"}},
            **{
                stage: {"enabled": False}
                for stage in ("score_lm_loss", "probe_videos", "score_talking_head")
            },
        }
        run = project.run()
        assert run.status == 0, run.output[-3000:]
        yield project


@pytest.fixture
def project(finished: Project) -> Iterator[Project]:
    """The finished project, in whose folder a test may change what it likes."""
    before, working = finished.config, finished.working
    kept = finished.folder.with_name("kept")
    shutil.copytree(finished.folder, kept)
    yield finished
    shutil.rmtree(finished.folder)
    kept.rename(finished.folder)
    finished.config, finished.working = before, working


def with_speed(project: Project, most: float) -> dict[str, Any]:
    """The configuration with another threshold."""
    rules = {"words_per_second": {"min": 0.5, "max": most}}
    return {**project.config, "selections": {"default": {"pretrain": rules}}}


def can_be_somebody_else() -> bool:
    """Whether tests run as root, and may start processes of others."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    command = [*NOBODY, sys.executable, "-c", "import livecc.planning.plan, snakemake"]
    place = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, check=False, capture_output=True, env=place).returncode == 0


class Somebody:
    """Another user, with a home and a working directory."""

    def __init__(self, project: Project, home: Path) -> None:
        self.project, self.home = project, home
        home.mkdir()
        shutil.chown(home, 65534, 65534)

    def run(self, *flags: str) -> Run:
        """Run Snakemake from home."""
        self.project.working = self.home
        return self._start(self.project.command(*flags), self.home)

    def livecc(self, *words: str, folder: Path) -> Run:
        """Run the program livecc in a folder."""
        return self._start([sys.executable, "-m", "livecc.commands", *words], folder)

    def _start(self, command: list[str], folder: Path) -> Run:
        result = subprocess.run(
            [*NOBODY, *command],
            cwd=folder,
            env={**os.environ, "HOME": str(self.home), "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return Run(result.returncode, result.stdout + result.stderr)


@pytest.fixture
def somebody(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Somebody:
    if not can_be_somebody_else():
        pytest.skip("needs root and setpriv")
    return Somebody(project, project.folder.parent / tmp_path_factory.mktemp("home").name)


def test_two_runs_at_once(project: Project, tmp_path: Path) -> None:
    """The second one, from another directory, changes nothing."""
    project.config = with_speed(project, 4.5)
    process = hold(project.results(), "local", tmp_path)
    project.move_runs(tmp_path / "elsewhere", REPOSITORY)
    summary = project.results("summary.json").stat().st_mtime_ns
    run = project.run()
    assert run.status != 0
    assert f"Another run is at work in {project.results()} (process {process.pid} on" in run.output
    assert "Traceback" not in run.output
    assert run.jobs() == {}
    assert project.results("summary.json").stat().st_mtime_ns == summary
    process.communicate("")
    assert project.run().jobs() == SELECTING


def test_who_only_reads_needs_no_permission(project: Project, somebody: Somebody) -> None:
    """Results, models and the working directory belong to somebody else."""
    assert "Nothing to be done" in somebody.run("--dry-run").output
    settings = project.folder / "my.yaml"
    planned = somebody.livecc("plan", "--configfile", str(settings), folder=project.folder)
    assert "Nothing to do" in planned.output, planned.output
    project.config, project.working = with_speed(project, 4.5), project.folder
    project.command()
    planned = somebody.livecc("plan", "--configfile", str(settings), folder=project.folder)
    assert planned.status == 0, planned.output
    assert "thresholds changed" in planned.output
    question = ("what-if", "--configfile", str(settings), "--set", "words_per_second.max=3")
    assert somebody.livecc(*question, folder=project.folder).status == 0
    merged = project.results("pretrain/default/livecc_pretrain_default_with_seeks.jsonl")
    checked = somebody.livecc("check", str(merged), "--videos", "input", folder=project.folder)
    assert "delivers 0 of 2 samples complete" in checked.output  # none of the videos is there
    followed = somebody.livecc("follow", str(project.results()), "--once", folder=project.folder)
    assert followed.status == 0
    run = somebody.run()
    assert run.status != 0
    # Snakemake's own message about what it would replace, or ours.
    assert "Write-protected output files" in run.output or "is not writable" in run.output
    assert run.jobs() == {}


def test_another_user_goes_on(project: Project, somebody: Somebody) -> None:
    subprocess.run(["chmod", "-R", "a+rwX", str(project.folder)], check=True)
    assert "Nothing to be done" in somebody.run().output
    project.config = with_speed(project, 4.5)
    assert somebody.run().jobs() == SELECTING
    # And the first one, where it began.
    project.working = project.folder
    assert "Nothing to be done" in project.run().output
