"""Jobs end with the process that started them, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from livecc.running import driver_watch
from tests.support.places import REPOSITORY

#: A driver that announces itself, starts a job below a shell as Snakemake does, and waits.
DRIVER = """
import subprocess, sys, time
from livecc.running.driver_watch import announce

announce()
subprocess.Popen(["bash", "-c", 'set -e; "$0" -c "$1" > "$2" 2>&1', *sys.argv[1:]])
time.sleep(600)
"""
JOB = """
import argparse, time
from livecc import cli
from tests.support.places import REPOSITORY

def main(options):
    try:
        print("at work", flush=True)
        {work}
    finally:
        print("unwound", flush=True)

cli.run(main, argparse.ArgumentParser(), [])
"""
PATIENT = "time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def start(work: str, log: Path) -> subprocess.Popen[bytes]:
    job = JOB.format(work=work)
    command = [sys.executable, "-c", DRIVER, sys.executable, job, str(log)]
    driver = subprocess.Popen(command, cwd=REPOSITORY)
    assert came_true(lambda: log.exists() and "at work" in log.read_text())
    return driver


def came_true(check: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_job_unwinds_when_its_driver_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    driver = start(PATIENT, log)
    time.sleep(3 * driver_watch.POLL_SECONDS)
    assert "unwound" not in log.read_text()
    driver.kill()
    driver.wait()
    assert came_true(lambda: "unwound" in log.read_text())
    assert f"({driver.pid}) is gone; stopping" in log.read_text()


def test_job_that_cannot_unwind_ends_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "log"
    driver = start(STUBBORN, log)
    driver.kill()
    # Not waited for: a zombie is gone, too.
    assert came_true(lambda: "is gone" in log.read_text())
    assert came_true(lambda: not writers(log))
    driver.wait()


def writers(log: Path) -> list[int]:
    """Processes that have the file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if link.readlink() == log:
                found.append(int(link.parts[2]))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("value", [None, "", "1", "x y z", "1 2 another-machine", "x 2 {here}"])
def test_what_cannot_be_seen_is_not_watched(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv(driver_watch.VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(driver_watch.VARIABLE, value.format(here=driver_watch._here()))
    started: list[object] = []
    monkeypatch.setattr(driver_watch.threading, "Thread", lambda **_: started.append(1))
    driver_watch.end_with_driver()
    assert started == []


@pytest.mark.parametrize("driver", [os.getpid(), 2**22 + 1], ids=["other process", "nobody"])
def test_driver_that_is_gone_when_the_job_begins(
    monkeypatch: pytest.MonkeyPatch, driver: int
) -> None:
    """Its id may be another process's by now."""
    monkeypatch.setenv(driver_watch.VARIABLE, f"{driver} 12345 {driver_watch._here()}")
    with pytest.raises(SystemExit) as ended:
        driver_watch.end_with_driver()
    assert ended.value.code == driver_watch.TERMINATED
