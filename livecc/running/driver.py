"""The driver of a run: the Snakemake process that plans, submits and waits.

Snakemake locks its working directory, but a driver that is killed, or whose machine crashes,
leaves a stale lock, and the lock does not name its owner. So each run records its driver, and the
next one can tell an active lock from a stale one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.processes import begin_of, boot
from livecc.terminal import printable

#: Folder of the driver records, below Snakemake's folder in the working directory.
FOLDER = Path(".snakemake/livecc")
#: One record for each driver that has started and may be alive.
RECORDS = FOLDER / "drivers"
LOCKS = Path(".snakemake/locks")
#: Executors whose jobs end with their driver, or are ended by the next run; None: a driver that
#: ended before it had any.
ENDING = frozenset({None, "local", "touch", "dryrun", "livecc-slurm"})
#: Seconds without a heartbeat after which a driver on another machine counts as dead.
SILENCE = 300.0
#: Maximum seconds between the start of a driver and its lock.
UNTIL_LOCKED = 24 * 3600.0


@dataclass(frozen=True)
class Driver:
    """A process, identified uniquely across machines and reboots."""

    host: str
    #: Changes on every boot.
    boot: str
    pid: int
    #: Start of the process, in clock ticks since boot; process ids are reused.
    ticks: int
    #: Time of the record, in seconds since 1970.
    began: float
    #: The Slurm job that it runs in, if any.
    slurm_job: str | None = None
    #: The executor of its jobs, once it is known.
    executor: str | None = None

    def __str__(self) -> str:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.began))
        job = f" in Slurm job {self.slurm_job}" if self.slurm_job else ""
        return printable(f"process {self.pid} on {self.host}{job}, started {began}")


def this_driver() -> Driver:
    """The calling process."""
    return Driver(
        host=socket.gethostname(),
        boot=boot(),
        pid=os.getpid(),
        ticks=begin_of(os.getpid()) or 0,
        began=time.time(),
        slurm_job=os.environ.get("SLURM_JOB_ID"),
    )


def write(path: Path, driver: Driver) -> None:
    write_json(path, asdict(driver))


def read(path: Path) -> Driver | None:
    """A record written by `write`; None if missing or unreadable."""
    try:
        # Somebody else may have written it: the message that quotes it has commands to copy.
        return msgspec.convert(read_json(path), Driver)
    except (LiveccError, OSError, msgspec.ValidationError):
        return None


def is_alive(driver: Driver, last_sign: float | None = None) -> bool | None:
    """Whether the driver is still running; None if unknown.

    `last_sign` is its last heartbeat, if it sends any, in seconds since 1970.
    """
    if driver.host == socket.gethostname():
        return driver.boot == boot() and begin_of(driver.pid) == driver.ticks
    if driver.slurm_job and (known := _slurm_knows(driver.slurm_job)) is not None:
        return known
    if last_sign is not None:
        return time.time() - last_sign < SILENCE
    return None


def begin() -> str | None:
    """Record the calling process as a driver of this folder and check the lock there.

    Call it before Snakemake checks its lock: then any killed driver that held the lock has left a
    record, and two that start together see each other. Removes the lock if all its drivers are
    dead. A lock of a live or unknown driver stays, and Snakemake refuses to run. Returns a message
    for the user about the lock, if any.
    """
    me = this_driver()
    mine = _record_of(me)
    write(mine, me)
    others = {path: read(path) for path in RECORDS.glob("*.json") if path != mine}
    locked = LOCKS.is_dir() and any(LOCKS.iterdir())
    gone: list[Driver] = []
    unknown: list[Driver] = []
    for path, driver in others.items():
        alive = False if driver is None else is_alive(driver)
        if driver is not None and alive:
            return _under_way(driver) if locked else None
        if driver is not None and alive is None:
            if locked or time.time() - driver.began < UNTIL_LOCKED:
                unknown.append(driver)
                continue
        elif driver is not None:
            gone.append(driver)
        path.unlink(missing_ok=True)
    if not locked or not (gone or unknown):
        return None
    if unknown:
        return _perhaps_under_way(unknown[0])
    last = max(gone, key=lambda driver: driver.began)
    if last.executor not in ENDING:
        write(_record_of(last), last)
        return _perhaps_jobs_left(last)
    shutil.rmtree(LOCKS)
    return (
        f"The last run in this folder ({last}) ended without cleaning up; its lock was removed. "
        "What it finished is kept."
    )


def tell_executor(executor: str) -> None:
    """Add the executor to the record of the calling process."""
    me = this_driver()
    path = _record_of(me)
    before = read(path)
    write(path, replace(before or me, executor=executor))


def _record_of(driver: Driver) -> Path:
    return RECORDS / f"{driver.host}-{driver.pid}-{driver.ticks}.json"


def _perhaps_jobs_left(driver: Driver) -> str:
    return (
        f"The last run in this folder ({driver}) was killed; jobs that its executor "
        f"({driver.executor}) has submitted may still be writing. Cancel them, then run the same "
        "command once with --unlock, then again without."
    )


def _under_way(driver: Driver) -> str:
    return (
        f"A run is active in this folder ({driver}). To stop it: kill -INT {driver.pid}, "
        f"on {driver.host} (kill {driver.pid} if it was started with nohup or &, which ignores INT;"
        " its running jobs then finish first)."
    )


def _perhaps_under_way(driver: Driver) -> str:
    check = f"ssh {shlex.quote(driver.host)} kill -0 {driver.pid}"
    return (
        f"This folder is locked by {driver}, which cannot be checked from here. If it is no longer "
        f"running (check with {check}), run the same command once with --unlock, then again "
        "without."
    )


def _slurm_knows(job: str) -> bool | None:
    """Whether a Slurm job is pending or running; None if Slurm does not answer."""
    try:
        listing = subprocess.run(
            ["squeue", "--noheader", "--format=%i", f"--user={os.getuid()}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return job in listing.stdout.split()
