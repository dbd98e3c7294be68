"""One job at a time for the scores of a shard.

When the program that runs the jobs is killed, a job may live on as an orphan while its twin is
started again; without a lock both would score the same items. The lock is advisory and goes away
with its process, however that ends. It is a record lock (`fcntl.lockf`): child processes do not
inherit it, and network file systems that can lock at all hold it across machines. Where a file
system cannot, jobs go on without: scores are then right all the same, and some are made twice.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from pathlib import Path

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
#: A waiting job says so again after this time, so that its log shows that it is alive.
REMIND_SECONDS = 300.0
_HELD = {errno.EACCES, errno.EAGAIN}


class WriterLock:
    """The lock in a file; the file stays, because removing it would let two jobs hold "it"."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, what: str) -> None:
        """Take the lock, waiting for whoever holds it; `what` says in the log what is waited for.

        Polls, because a network file system may never wake up who waits inside `lockf`. Does
        nothing when the lock is held already, or when there are no locks here.
        """
        if self._descriptor is not None:
            return
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            said = 0.0
            while not self._try():
                if not said or time.monotonic() - said >= REMIND_SECONDS:
                    said = time.monotonic()
                    log.info("waiting for another job that %s (%s)", what, self._holder())
                time.sleep(POLL_SECONDS)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{socket.gethostname()} {os.getpid()}\n".encode(), 0)
        except OSError as error:
            # No locks on this file system, no permission, no space for a name: go on without.
            log.debug("%s: no lock (%s)", self.path, error.strerror)

    def _try(self) -> bool:
        assert self._descriptor is not None
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True

    def _holder(self) -> str:
        assert self._descriptor is not None
        host, _, process = (
            os.pread(self._descriptor, 200, 0).decode(errors="replace").partition(" ")
        )
        return f"process {process.strip()} on {host}" if process else "it has not said who it is"

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held(self) -> bool:
        """Whether another process holds the lock; False where there are no locks."""
        try:
            self._descriptor = os.open(self.path, os.O_RDWR)
            return not self._try()
        except OSError:
            return False
        finally:
            self.release()
