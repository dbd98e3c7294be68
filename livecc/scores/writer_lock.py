"""A lock that lets one job at a time score a shard.

When the program that runs the jobs is killed, a job may live on as an orphan while its twin is
started again; without a lock both would score the same items. The lock is advisory and goes away
with its process (`livecc.files.record_lock`). On a file system without locks, jobs run without it:
the scores are still right, but some are computed twice.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from pathlib import Path

from livecc.files.record_lock import lock, sign
from livecc.terminal import printable

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
#: Seconds after which a waiting job logs again that it is waiting.
REMIND_SECONDS = 300.0


class WriterLock:
    """A file lock; the file is never removed, because then two jobs could hold the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, what: str) -> None:
        """Acquire the lock, waiting if necessary; `what` names the other job's work in the log.

        Polls, because a blocking `lockf` may never wake up on a network file system. Does nothing
        when the lock is already held or locking is not supported.
        """
        if self._descriptor is not None:
            return
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            said = 0.0
            while not lock(self._descriptor):
                if not said or time.monotonic() - said >= REMIND_SECONDS:
                    said = time.monotonic()
                    log.info("waiting for another job that %s (%s)", what, self._holder())
                time.sleep(POLL_SECONDS)
            sign(self._descriptor, f"{socket.gethostname()} {os.getpid()}\n")
        except OSError as error:
            # Locking not supported, no permission, or disk full: continue without a lock.
            log.debug("%s: no lock (%s)", self.path, error.strerror)

    def _holder(self) -> str:
        assert self._descriptor is not None
        written = os.pread(self._descriptor, 200, 0).decode(errors="replace").strip()
        host, _, process = printable(written).partition(" ")
        return f"process {process} on {host}" if process else "unknown process"

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether another process holds the lock; False where locking is not supported."""
        try:
            self._descriptor = os.open(self.path, os.O_RDWR)
            return not lock(self._descriptor)
        except OSError:
            return False
        finally:
            self.release()
