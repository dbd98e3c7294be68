"""Local jobs end with the Snakemake process that started them.

Without this, the jobs of a killed Snakemake would continue unnoticed, hold GPUs, and finally
overwrite the results of a newer run, perhaps with another model. So Snakemake passes its identity
in an environment variable, and a job ends as if terminated when that process is gone. Its scores
so far are in the cache.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from livecc.files.processes import begin_of, boot

log = logging.getLogger(__name__)

VARIABLE = "LIVECC_DRIVER"
POLL_SECONDS = 0.3
#: Time for cleanup, in seconds; after that the process is killed.
GRACE_SECONDS = 2.0
TERMINATED = 143
_GONE = "the Snakemake process that started this job (%s) is gone; stopping"


def announce() -> None:
    """Make jobs that this process starts from now on end with it."""
    os.environ[VARIABLE] = f"{os.getpid()} {begin_of(os.getpid())} {_here()}"


def end_with_driver() -> None:
    """Watch the announced driver process from a thread, until this process ends.

    Does nothing without an announcement, or if the driver is not visible from here: jobs on other
    machines, or in containers with their own process namespace, are ended by whoever submitted
    them. If the driver is already gone, this process ends immediately.
    """
    match os.environ.get(VARIABLE, "").split():
        case [driver, began, here] if here == _here() and driver.isdecimal() and began.isdecimal():
            # For jobs started just after the driver was killed.
            if begin_of(int(driver)) != int(began):
                log.error(_GONE, driver)
                sys.exit(TERMINATED)
            arguments = (int(driver), int(began))
            threading.Thread(target=_watch, args=arguments, daemon=True).start()


def _watch(driver: int, began: int) -> None:
    while begin_of(driver) == began:
        time.sleep(POLL_SECONDS)
    log.error(_GONE, driver)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(TERMINATED)


def _here() -> str:
    """Identifies the boot and process namespace; equal for processes that can see each other."""
    try:
        return f"{boot()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
