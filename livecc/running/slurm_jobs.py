"""The Slurm jobs of a run: listing, states, cancellation.

All jobs of a run have its id as their name. The id is recorded before the first submission, so that
the next run finds the jobs of a killed driver.
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

from livecc.errors import LiveccError
from livecc.running import driver
from livecc.terminal import count, printable, printable_lines

log = logging.getLogger(__name__)

#: In the working directory of the runs.
RUNS = driver.FOLDER / "slurm-runs"
HERE = Path()
#: Timeout of a Slurm command, in seconds.
COMMAND_SECONDS = 60.0
#: Maximum seconds to wait for cancelled jobs; unresponsive nodes take longest.
ENDING_SECONDS = 300.0
#: States of pending or running jobs.
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
#: Final states, unless Slurm itself requeues the job.
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
    #: Why it is pending.
    reason: str
    comment: str


class SlurmAwayError(LiveccError):
    """Slurm is temporarily unreachable."""


def _run(*command: str) -> str:
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise SlurmAwayError(f"{command[0]} is not installed here") from None
    except subprocess.TimeoutExpired:
        raise SlurmAwayError(f"{command[0]} timed out after {COMMAND_SECONDS:g} s") from None
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        raise SlurmAwayError(f"{command[0]}: {printable(lines[-1])}")
    return printable_lines(result.stdout)


def queued(run: str) -> dict[str, Entry]:
    """Id -> queue entry of the jobs known to the controller.

    Ended jobs stay known for a while (MinJobAge of slurm.conf, five minutes by default). Raises
    SlurmAwayError.
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
    """Ids of the run's pending, running and completing jobs."""
    return [job for job, entry in queued(run).items() if entry.state in LIVE]


def end(run: str, seconds: float = ENDING_SECONDS) -> int:
    """Cancel all jobs of a run, wait until they are gone, and return their number.

    Raises SlurmAwayError when Slurm does not answer, LiveccError when jobs do not end.
    """
    jobs = live(run)
    if not jobs:
        return 0
    # By name, to include jobs being submitted right now and to keep the command line short.
    _run("scancel", f"--user={os.getuid()}", f"--name={run}")
    deadline = time.monotonic() + seconds
    while left := live(run):
        if time.monotonic() > deadline:
            raise LiveccError(
                f"Slurm jobs {', '.join(left[:5])} of an earlier run cannot be cancelled. Ask your "
                f"administrator (squeue --name={run}); no other job may write their files."
            )
        time.sleep(1)
    return len(jobs)


def record(run: str, owner: driver.Driver) -> Path:
    """Record who submits jobs under this name; the owner touches the file while alive."""
    path = (RUNS / f"{run}.json").absolute()
    driver.write(path, owner)
    return path


def recorded(folder: Path = HERE) -> list[Path]:
    """The records of runs, started in a working directory, that may have jobs on the cluster."""
    return sorted((folder / RUNS).glob("*.json"))


def end_earlier_runs(folder: Path = HERE) -> list[str]:
    """Cancel the cluster jobs of a working directory's runs without a driver; returns messages.

    Raises LiveccError when their state is unknown or they cannot be cancelled: continuing could
    mean two writers of one file.
    """
    told = []
    for path in recorded(folder):
        run = path.stem
        owner = driver.read(path)
        if owner is None:
            path.unlink(missing_ok=True)
            continue
        if driver.is_alive(owner, path.stat().st_mtime):
            if owner.host == driver.this_driver().host:
                # A run for other targets in the same folder; Snakemake's lock handles that.
                continue
            raise LiveccError(
                f"A run on another machine submits jobs from this folder ({owner}). Stop it there "
                f"(kill -INT {owner.pid}), or wait {driver.SILENCE / 60:g} minutes if it was "
                "killed, and restart."
            )
        if shutil.which("squeue") is None:
            raise LiveccError(
                f"An earlier run ({owner}) may have left jobs on the cluster, but squeue is not "
                f"available here. Start from a login node or, if you know that none are left, "
                f"remove {path}."
            )
        try:
            cancelled = end(run)
        except SlurmAwayError as error:
            raise LiveccError(
                f"An earlier run ({owner}) may have left jobs on the cluster, but Slurm does not "
                f"answer ({error}). Restart when it does."
            ) from None
        if cancelled:
            told.append(
                f"Cancelled {count(cancelled, 'Slurm job')} of an earlier run ({owner}), still "
                "queued or running. All scores so far are in the score cache."
            )
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    return told
