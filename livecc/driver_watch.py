"""Jobs on the machine of the Snakemake process that started them end with it.

When Snakemake is killed its jobs would go on, unseen: holding GPUs, and in the end writing their
results over those of whatever run was begun in the meantime, perhaps with another model. So
Snakemake tells them who it is, in an environment variable, and a job that sees it gone ends as if
it had been terminated. What it had scored is in the cache.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

log = logging.getLogger(__name__)

VARIABLE = "LIVECC_DRIVER"
POLL_SECONDS = 0.3
#: For unwinding; what sits in native code longer is ended all the same.
GRACE_SECONDS = 2.0
TERMINATED = 143
_GONE = "the Snakemake process that started this job (%s) is gone, so it ends, too"


def announce() -> None:
    """Let the jobs that this process starts from now on end with it."""
    os.environ[VARIABLE] = f"{os.getpid()} {_started(os.getpid())} {_here()}"


def end_with_driver() -> None:
    """Watch over the process that announced itself, from a thread, until this process ends.

    Nothing is watched where nobody did, or cannot be seen from here: jobs on other machines, and in
    containers with processes of their own, are ended by whoever sent them there. A driver that is
    gone already ends this process at once.
    """
    match os.environ.get(VARIABLE, "").split():
        case [driver, started, here] if here == _here() and driver.isdecimal():
            # For what was started when the driver had just been killed.
            if _started(int(driver)) != started:
                log.error(_GONE, driver)
                sys.exit(TERMINATED)
            threading.Thread(target=_watch, args=(int(driver), started), daemon=True).start()


def _watch(driver: int, started: str) -> None:
    while _started(driver) == started:
        time.sleep(POLL_SECONDS)
    log.error(_GONE, driver)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(TERMINATED)


def _started(process: int) -> str:
    """When a living process began, in clock ticks; "" when there is none, or it is a zombie."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    # The name in parentheses may hold anything; see proc(5) for the fields after it.
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _here() -> str:
    """What processes that see each other have in common: a machine's start, and a namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
