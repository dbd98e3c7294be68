"""Telling a lock that holds from one that a killed run left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.files.processes import begin_of
from livecc.running import driver, slurm_jobs

ELSEWHERE = replace(driver.this_driver(), host="some-other-login-node", slurm_job=None)


PARENT = replace(
    driver.this_driver(), pid=os.getppid(), ticks=begin_of(os.getppid()) or 0, slurm_job=None
)
#: For a Python that is to find the package.
IMPORTING = {**os.environ, "PYTHONPATH": str(Path(driver.__file__).parents[2])}

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gone() -> driver.Driver:
    """A process of this machine that has ended."""
    code = "from livecc.running import driver; driver.write('gone.json', driver.this_driver())"
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env=IMPORTING,
    )
    found = driver.read(Path("gone.json"))
    assert found is not None
    return found


def lock() -> None:
    driver.LOCKS.mkdir(parents=True)
    (driver.LOCKS / "0.output.lock").write_text("results/summary.txt\n")


def test_a_record_by_somebody_else_is_only_text() -> None:
    """Its message has commands that a person copies, and is shown on a terminal."""
    path = Path("drivers.json")
    told = {**asdict(ELSEWHERE), "pid": "1; touch pwned"}
    path.write_text(json.dumps(told))
    assert driver.read(path) is None
    path.write_text(json.dumps({**asdict(ELSEWHERE), "host": "a\x1b[2J; touch pwned\nb"}))
    found = driver.read(path)
    assert found is not None
    assert str(found).isprintable()
    assert "ssh 'a" in driver._perhaps_under_way(found)


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


def record(owner: driver.Driver) -> Path:
    path = driver.RECORDS / f"{owner.host}-{owner.pid}-{owner.ticks}.json"
    driver.write(path, owner)
    return path


def test_lock_of_a_driver_that_is_gone_is_removed() -> None:
    lock()
    old = record(gone())
    told = driver.begin()
    assert told is not None
    assert "its lock was removed" in told
    assert not driver.LOCKS.exists()
    assert not old.exists()
    assert driver.begin() is None


@pytest.mark.parametrize(
    ("owner", "advice"),
    [(PARENT, f"kill -INT {os.getppid()}"), (ELSEWHERE, "--unlock")],
    ids=["alive", "elsewhere"],
)
def test_other_locks_stay_and_are_explained(owner: driver.Driver, advice: str) -> None:
    """Though another driver of this folder is gone: the lock may be either's."""
    lock()
    record(gone())
    record(owner)
    for _ in range(2):
        told = driver.begin()
        assert told is not None
        assert advice in told
        assert str(owner) in told
        assert driver.LOCKS.exists()


def test_driver_killed_before_its_run_began_leaves_a_lock_that_goes() -> None:
    code = "import os; from livecc.running import driver; driver.begin(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False, env=IMPORTING)
    lock()
    told = driver.begin()
    assert told is not None
    assert "its lock was removed" in told


def test_lock_that_nobody_recorded_is_left_to_snakemake() -> None:
    lock()
    assert driver.begin() is None
    (driver.RECORDS / "one.json").write_text('{"host": "half a rec')
    assert driver.begin() is None
    assert driver.LOCKS.exists()


def test_without_a_lock_a_driver_elsewhere_is_soon_forgotten() -> None:
    fresh = record(ELSEWHERE)
    old = record(replace(ELSEWHERE, pid=1, began=time.time() - driver.UNTIL_LOCKED - 1))
    assert driver.begin() is None
    assert fresh.exists()
    assert not old.exists()


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
