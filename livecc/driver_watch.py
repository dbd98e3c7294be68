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
import socket
import threading
import time
from pathlib import Path

log = logging.getLogger(__name__)

VARIABLE = "LIVECC_DRIVER"
POLL_SECONDS = 0.3
#: For unwinding; what sits in native code longer is ended all the same.
GRACE_SECONDS = 2.0
TERMINATED = 143


def announce() -> None:
    """Let the jobs that this process starts from now on end with it."""
    os.environ[VARIABLE] = f"{os.getpid()} {_started(os.getpid())} {socket.gethostname()}"


def end_with_driver() -> None:
    """Watch over the process that announced itself, from a thread, until this process ends.

    Nothing is watched where nobody did, or cannot be seen from here: jobs on other machines, and in
    containers with processes of their own, are ended by whoever sent them there.
    """
    process, _, rest = os.environ.get(VARIABLE, "").partition(" ")
    started, _, host = rest.partition(" ")
    if not process.isdecimal() or host != socket.gethostname():
        return
    driver = int(process)
    if started and _started(driver) == started:
        threading.Thread(target=_watch, args=(driver, started), daemon=True).start()


def _watch(driver: int, started: str) -> None:
    while _started(driver) == started:
        time.sleep(POLL_SECONDS)
    log.error("the Snakemake process that started this job (%d) is gone, so it ends, too", driver)
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
