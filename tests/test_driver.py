"""Telling a lock that holds from one that a killed run left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from livecc import driver, slurm_jobs
from livecc.errors import LiveccError

ELSEWHERE = replace(driver.this_driver(), host="some-other-login-node", slurm_job=None)


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gone() -> driver.Driver:
    """A process of this machine that has ended."""
    code = "import os; from livecc import driver; driver.write('gone.json', driver.this_driver())"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(driver.__file__).parents[1])},
    )
    found = driver.read(Path("gone.json"))
    assert found is not None
    return found


def lock() -> None:
    driver.LOCKS.mkdir(parents=True)
    (driver.LOCKS / "0.output.lock").write_text("results/summary.txt\n")


def test_a_process_is_known_by_more_than_its_number() -> None:
    me = driver.this_driver()
    assert driver.is_alive(me) is True
    assert driver.is_alive(replace(me, ticks=me.ticks - 1)) is False
    assert driver.is_alive(replace(me, boot="another start of the machine")) is False
    assert driver.is_alive(gone()) is False


def test_another_machine_is_judged_by_signs_of_life() -> None:
    assert driver.is_alive(ELSEWHERE) is None
    assert driver.is_alive(ELSEWHERE, time.time() - 10) is True
    assert driver.is_alive(ELSEWHERE, time.time() - driver.SILENCE - 1) is False


def test_lock_of_a_driver_that_is_gone_is_removed() -> None:
    lock()
    driver.write(driver.RECORD, gone())
    told = driver.look_at_lock()
    assert told is not None
    assert "its lock was removed" in told
    assert not driver.LOCKS.exists()
    assert driver.look_at_lock() is None


@pytest.mark.parametrize(
    ("owner", "advice"),
    [(driver.this_driver(), f"kill -INT {os.getpid()}"), (ELSEWHERE, "--unlock")],
    ids=["alive", "elsewhere"],
)
def test_other_locks_stay_and_are_explained(owner: driver.Driver, advice: str) -> None:
    lock()
    driver.write(driver.RECORD, owner)
    told = driver.look_at_lock()
    assert told is not None
    assert advice in told
    assert str(owner) in told
    assert driver.LOCKS.exists()


def test_lock_that_nobody_recorded_is_left_to_snakemake() -> None:
    lock()
    assert driver.look_at_lock() is None
    driver.RECORD.parent.mkdir()
    driver.RECORD.write_text('{"host": "half a rec')
    assert driver.look_at_lock() is None
    assert driver.LOCKS.exists()


def test_jobs_of_a_run_elsewhere_stop_a_new_one() -> None:
    path = slurm_jobs.record("a-run", ELSEWHERE)
    with pytest.raises(LiveccError, match="A run on another machine submits jobs"):
        slurm_jobs.end_earlier_runs()
    assert path.exists()


def test_without_slurm_jobs_of_a_killed_run_stop_a_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = slurm_jobs.record("a-run", gone())
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(LiveccError, match="may have left jobs on the cluster"):
        slurm_jobs.end_earlier_runs()
    assert path.exists()


def test_a_run_of_this_machine_that_lives_is_left_alone() -> None:
    path = slurm_jobs.record("a-run", driver.this_driver())
    assert slurm_jobs.end_earlier_runs() == []
    assert path.exists()
