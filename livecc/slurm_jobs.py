"""The Slurm jobs of a run: which there are, what became of them, and how all are ended.

All jobs of a run have its id as their name. The id is written down before the first is submitted,
so that whoever starts next finds the jobs of a driver that was killed.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from livecc import driver
from livecc.errors import LiveccError

log = logging.getLogger(__name__)

RUNS = driver.FOLDER / "slurm-runs"
#: Seconds that a Slurm command may take.
COMMAND_SECONDS = 60.0
#: Seconds that ended jobs may take to be gone; a node that does not answer takes the longest.
ENDING_SECONDS = 300.0
#: States in which a job holds its place or its node.
LIVE = frozenset(
    {
        "PENDING",
        "CONFIGURING",
        "RUNNING",
        "COMPLETING",
        "SUSPENDED",
        "STOPPED",
        "STAGE_OUT",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "SPECIAL_EXIT",
        "RESIZING",
        "SIGNALING",
        "RESV_DEL_HOLD",
    }
)
#: States that a job does not leave, unless Slurm itself queues it again.
ENDED = frozenset(
    {
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "TIMEOUT",
        "OUT_OF_MEMORY",
        "NODE_FAIL",
        "BOOT_FAIL",
        "DEADLINE",
        "PREEMPTED",
        "REVOKED",
        "LAUNCH_FAILED",
        "RECONFIG_FAIL",
    }
)


class Entry(NamedTuple):
    """A job in the queue."""

    state: str
    #: Why it waits.
    reason: str
    comment: str


class SlurmAwayError(LiveccError):
    """Slurm does not answer now; it may later."""


def _run(*command: str) -> str:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except FileNotFoundError:
        raise SlurmAwayError(f"{command[0]} is not installed here") from None
    except subprocess.TimeoutExpired:
        raise SlurmAwayError(f"{command[0]} gave no answer for {COMMAND_SECONDS:g} s") from None
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise SlurmAwayError(f"{command[0]}: {lines[-1]}")
    return result.stdout


def queued(run: str) -> dict[str, Entry]:
    """Id -> what the queue says, of the jobs that the controller knows.

    Those that ended stay known for a while (MinJobAge of slurm.conf, five minutes by default).
    Raises SlurmAwayError.
    """
    listing = _run("squeue", "--noheader", "--states=all", f"--name={run}", "--format=%i|%T|%r|%k")
    rows = (line.split("|", 3) for line in listing.splitlines() if line.count("|") >= 3)
    return {job: Entry(state, reason, comment) for job, state, reason, comment in rows}


def accounted(jobs: Iterable[str]) -> dict[str, str]:
    """Id -> state of jobs in the accounting; empty where there is none, or it does not answer."""
    try:
        listing = _run(
            "sacct",
            "--allocations",
            "--noheader",
            "--parsable2",
            "--format=JobIDRaw,State",
            f"--jobs={','.join(jobs)}",
        )
    except SlurmAwayError as error:
        log.debug("%s", error)
        return {}
    # "CANCELLED by 1000" tells who did it.
    rows = (line.split("|") for line in listing.splitlines() if "|" in line)
    return {job: state.split()[0] for job, state in rows if state}


def live(run: str) -> list[str]:
    """Ids of the run's jobs that wait, run, or are just ending."""
    return [job for job, entry in queued(run).items() if entry.state in LIVE]


def end(run: str, seconds: float = ENDING_SECONDS) -> int:
    """End all jobs of a run, and return how many there were, once none is left.

    Raises SlurmAwayError when Slurm does not answer, LiveccError when jobs do not end.
    """
    jobs = live(run)
    if not jobs:
        return 0
    # By name: what is just being submitted is met too, and no command line gets too long.
    _run("scancel", f"--user={os.getuid()}", f"--name={run}")
    deadline = time.monotonic() + seconds
    while left := live(run):
        if time.monotonic() > deadline:
            raise LiveccError(
                f"Slurm jobs {', '.join(left[:5])} of an earlier run do not end. Ask for help "
                f"with them (squeue --name={run}); a second job must not write their files."
            )
        time.sleep(1)
    return len(jobs)


def record(run: str, owner: driver.Driver) -> Path:
    """Write down who submits jobs under this name; the owner touches the file while it lives."""
    path = (RUNS / f"{run}.json").absolute()
    driver.write(path, owner)
    return path


def end_earlier_runs() -> list[str]:
    """End what runs that nobody drives any more left on the cluster; what to tell the user.

    Raises LiveccError when it cannot be told, or done: going on could mean two writers of one
    file.
    """
    told = []
    for path in sorted(RUNS.glob("*.json")) if RUNS.is_dir() else []:
        run = path.stem
        owner = driver.read(path)
        if owner is None:
            path.unlink(missing_ok=True)
            continue
        if driver.is_alive(owner, path.stat().st_mtime):
            if owner.host == driver.this_driver().host:
                # Of other targets in the same folder: Snakemake's lock sees to that.
                continue
            raise LiveccError(
                f"A run on another machine submits jobs from this folder ({owner}). End it there "
                f"(kill -INT {owner.pid}), or wait {driver.SILENCE / 60:g} minutes if it was "
                "killed, and start again."
            )
        if shutil.which("squeue") is None:
            raise LiveccError(
                f"An earlier run ({owner}) may have left jobs on the cluster, and there is no "
                f"squeue here to look. Start from a login node, or, if you know that none is "
                f"left, remove {path}."
            )
        try:
            count = end(run)
        except SlurmAwayError as error:
            raise LiveccError(
                f"An earlier run ({owner}) may have left jobs on the cluster, and Slurm does not "
                f"answer ({error}). Start again when it does."
            ) from None
        if count:
            told.append(
                f"{count} Slurm jobs of an earlier run ({owner}) were still queued or running; "
                "they were cancelled. What they had scored is in the score cache."
            )
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    return told
