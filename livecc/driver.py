"""Who drives a run: the Snakemake process that plans, submits and waits.

Snakemake locks a folder while it works in it, but a driver that is killed, or whose machine goes
down, leaves its lock behind, and the lock does not say whose it is. So each run writes down its
driver; the next one can then tell a lock that holds from one that was left.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from livecc.errors import LiveccError
from livecc.files import read_json, write_json
from livecc.processes import begin_of, boot

#: Folder of these records, below Snakemake's own folder in the working directory.
FOLDER = Path(".snakemake/livecc")
#: One record for each driver that has begun and may live.
RECORDS = FOLDER / "drivers"
LOCKS = Path(".snakemake/locks")
#: Seconds without a sign of life after which a driver on another machine counts as gone.
SILENCE = 300.0
#: Seconds that a driver may take from its begin until it locks its folder.
UNTIL_LOCKED = 24 * 3600.0


@dataclass(frozen=True)
class Driver:
    """A process, told from all others on all machines at all times."""

    host: str
    #: Changes when the machine starts anew.
    boot: str
    pid: int
    #: Start of the process, in clock ticks since the machine's start; process ids are used again.
    ticks: int
    #: When it was written down, in seconds since 1970.
    began: float
    #: The Slurm job that it runs in, when it does.
    slurm_job: str | None = None

    def __str__(self) -> str:
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.began))
        job = f" in Slurm job {self.slurm_job}" if self.slurm_job else ""
        return f"process {self.pid} on {self.host}{job}, begun {began}"


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
    """A record that `write` wrote; None when it is not there or cannot be read."""
    try:
        return Driver(**read_json(path))
    except (LiveccError, OSError, TypeError):
        return None


def is_alive(driver: Driver, last_sign: float | None = None) -> bool | None:
    """Whether the driver still runs; None when that cannot be told from here.

    `last_sign` is when it last said so itself, for drivers that do, in seconds since 1970.
    """
    if driver.host == socket.gethostname():
        return driver.boot == boot() and begin_of(driver.pid) == driver.ticks
    if driver.slurm_job and (known := _slurm_knows(driver.slurm_job)) is not None:
        return known
    if last_sign is not None:
        return time.time() - last_sign < SILENCE
    return None


def begin() -> str | None:
    """Write down the calling process as a driver of this folder and look at the lock there.

    To be called before Snakemake looks for a lock: a driver that is killed with a lock has then
    left a record, at whatever moment, and two that begin together see each other. Removes a lock
    whose drivers are all gone. A lock of a driver that lives, or of which nobody knows, stays:
    Snakemake then refuses to run. Returns what to tell the user about the lock, if anything.
    """
    me = this_driver()
    mine = RECORDS / f"{me.host}-{me.pid}-{me.ticks}.json"
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
    shutil.rmtree(LOCKS)
    last = max(gone, key=lambda driver: driver.began)
    return (
        f"The last run in this folder ({last}) ended without cleaning up; its lock was removed. "
        "What it finished is kept."
    )


def _under_way(driver: Driver) -> str:
    return (
        f"A run is under way in this folder ({driver}). To end it: kill -INT {driver.pid}, "
        f"on {driver.host} (kill {driver.pid} if it was started with nohup or &, which ignores INT;"
        " its running jobs then finish first)."
    )


def _perhaps_under_way(driver: Driver) -> str:
    return (
        f"This folder is locked by {driver}, which cannot be looked up from here. If it does "
        f"not run any more (ssh {driver.host} kill -0 {driver.pid}), run the same command "
        "once with --unlock, then again without."
    )


def _slurm_knows(job: str) -> bool | None:
    """Whether a Slurm job waits or runs; None when there is no answer."""
    try:
        listing = subprocess.run(
            ["squeue", "--noheader", "--format=%i", f"--user={os.getuid()}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return job in listing.stdout.split()
