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

from livecc.processes import begin_of, boot

log = logging.getLogger(__name__)

VARIABLE = "LIVECC_DRIVER"
POLL_SECONDS = 0.3
#: For unwinding; what sits in native code longer is ended all the same.
GRACE_SECONDS = 2.0
TERMINATED = 143
_GONE = "the Snakemake process that started this job (%s) is gone, so it ends, too"


def announce() -> None:
    """Let the jobs that this process starts from now on end with it."""
    os.environ[VARIABLE] = f"{os.getpid()} {begin_of(os.getpid())} {_here()}"


def end_with_driver() -> None:
    """Watch over the process that announced itself, from a thread, until this process ends.

    Nothing is watched where nobody did, or cannot be seen from here: jobs on other machines, and in
    containers with processes of their own, are ended by whoever sent them there. A driver that is
    gone already ends this process at once.
    """
    match os.environ.get(VARIABLE, "").split():
        case [driver, began, here] if here == _here() and driver.isdecimal() and began.isdecimal():
            # For what was started when the driver had just been killed.
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
    """What processes that see each other have in common: a machine's start, and a namespace."""
    try:
        return f"{boot()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
