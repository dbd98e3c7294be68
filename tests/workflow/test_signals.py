"""Runs that are asked to end, by Ctrl-C or by a scheduler, and drivers that are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.workflow.both_tracks import make_both_tracks
from tests.workflow.killing import (
    SECONDS,
    StartedRun,
    clear,
    differing,
    final_files,
    stray_files,
    wait_until,
)
from tests.workflow.observing import Observed
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow

#: Stages with many batches a job.
SLOW = ("score_lm_loss", "score_active_speaker")
#: What Snakemake returns when it has not made everything.
INCOMPLETE = 1


@pytest.fixture
def project(tmp_path: Path, tiny_lm: Path, face_detector: Path) -> Project:
    return make_both_tracks(tmp_path / "p", tiny_lm, face_detector)


def test_ended_run_goes_on_where_it_was(project: Project) -> None:
    """Each way to end a run is tried on what the one before has left to do."""
    observed = Observed(project.folder / "observed")
    assert project.run().status == 0
    expected = final_files(project)
    clear(project)
    interrupted: list[str] = []
    for how, everyone in (
        # Ctrl-C in a terminal reaches Snakemake and all its jobs.
        (signal.SIGINT, True),
        # `kill`: what runs may finish, nothing more is started.
        (signal.SIGINT, False),
        # A scheduler's word before a time limit reaches all.
        (signal.SIGTERM, True),
        (signal.SIGTERM, False),
    ):
        run = StartedRun(project, environment=observed.environment)
        before = len(observed.batches())

        def at_work(run: StartedRun = run, before: int = before) -> bool:
            new = observed.batches()[before:]
            return any(stage in SLOW for stage, _, _ in new) or run.ended()

        assert wait_until(at_work, SECONDS)
        assert not run.ended(), run.output()[-3000:]
        if everyone:
            interrupted += run.stages()
            os.killpg(run.pid, how)
        else:
            run.driver.send_signal(how)
        status = run.wait()
        output = run.output()
        assert status == INCOMPLETE, output[-3000:]
        # Snakemake waits for its shells only; a job may still be putting down its work.
        run.wait_for_jobs()
        assert "Traceback" not in output, output[-5000:]
        assert "this might take some time" in output
        # Nothing has failed, neither in what Snakemake says nor in what the workflow does.
        assert [word for word in ("Error", "failed: ") if word in output] == [], output[-3000:]
        assert "interrupted: " in output
        assert stray_files(project.results(), project.folder / ".snakemake") == []
    run = StartedRun(project, environment=observed.environment)
    assert run.wait() == 0, run.output()[-5000:]
    assert differing(final_files(project), expected) == []
    # What had been scored was kept, but for a batch of each job that was interrupted.
    largest = observed.largest_batch()
    for stage, count in observed.scored_again().items():
        assert count <= interrupted.count(stage) * largest[stage], stage


def test_orphan_does_not_write_over_the_next_runs_results(project: Project) -> None:
    """Snakemake alone is killed, and started again with another prompt before its job is done."""
    project.config["tracks"].pop("sft")
    project.config["score_talking_head"] = {"enabled": False}
    # The process that hangs is the job itself.
    project.warm = False
    run = StartedRun(project, environment={})
    assert wait_until(lambda: "score_lm_loss" in run.stages(), SECONDS)
    (orphan,) = (job.pid for job in run.processes() if job.stage == "score_lm_loss")
    # It goes on when all is over, as on a machine that hung.
    os.kill(orphan, signal.SIGSTOP)
    run.kill_driver()
    project.config["score_lm_loss"]["prompts"] = {"system": "You are a poet."}
    run = StartedRun(project, environment={})
    assert run.wait() == 0, run.output()[-5000:]
    expected = final_files(project)
    os.kill(orphan, signal.SIGCONT)
    assert wait_until(lambda: not Path(f"/proc/{orphan}").exists(), SECONDS)
    assert differing(final_files(project), expected) == []
    assert stray_files(project.results()) == []
    assert project.run().jobs() == {}
