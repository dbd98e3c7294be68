"""One run at a time writes into a results folder, wherever and by whomever it is started.

Snakemake's lock and `livecc.running.driver` tell of runs in one working directory. A run also locks
the file `run.lock` of its results and writes there who it is. The lock ends with its process. Where
the file system has no locks, or those of other machines are not seen, the record counts: its driver
must be gone, as far as can be told from here.

A driver that was killed may have left jobs on a cluster. Those of this project's executor are ended
before the next run begins; what other executors have submitted cannot be told from here.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.record_lock import lock, sign
from livecc.formats.layout import Layout
from livecc.running import driver, slurm_jobs
from livecc.running.driver import Driver

#: The executor whose jobs the next run can end.
OURS = "livecc-slurm"


@dataclass(frozen=True)
class Writer:
    """A run that writes into a results folder."""

    driver: Driver
    #: Its working directory.
    folder: str
    user: str
    #: The executor of its jobs.
    executor: str
    ended: bool = False

    def __str__(self) -> str:
        return f"{self.driver}, by {self.user} from {self.folder}"


class ResultsLock:
    """Held by the process of a run until it ends or calls `release`."""

    def __init__(self, layout: Layout) -> None:
        self.path = Path(layout.writer)
        self.heartbeat = Path(layout.progress_json)
        self._descriptor: int | None = None
        self._me: Writer | None = None

    def acquire(self, executor: str) -> list[str]:
        """Become the writer; returns messages for the user.

        Raises LiveccError if another run is at work or may have left jobs, or if the folder cannot
        be written to.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise LiveccError(
                f"{self.path}: {os.strerror(error.errno or 0)}; results that belong to several "
                "users must be writable for their group (docs/running.md)"
            ) from None
        before = self._read()
        try:
            free = lock(self._descriptor)
        except OSError:
            # A file system without locks.
            free = True
        if not free:
            self._close()
            raise LiveccError(self._at_work(before))
        try:
            told = self._succeed(before) if before is not None and not before.ended else []
        except LiveccError:
            self._close()
            raise
        self._me = Writer(driver.this_driver(), str(Path.cwd()), getpass.getuser(), executor)
        self._write(self._me)
        return told

    def release(self) -> None:
        """Tell that the run has ended, and that it has left no jobs."""
        if self._descriptor is not None and self._me is not None:
            # A full disk: the record of a process that is gone says the same.
            with contextlib.suppress(OSError):
                self._write(Writer(**{**vars(self._me), "ended": True}))
        self._close()

    def _succeed(self, before: Writer) -> list[str]:
        """Take over from a run that did not say that it ended."""
        alive = driver.is_alive(before.driver, self._last_sign())
        if alive or alive is None:
            raise LiveccError(self._at_work(before))
        if before.executor not in driver.ENDING:
            raise LiveccError(
                f"The last run ({before}) was killed; jobs that its executor "
                f"({before.executor}) has submitted may still be writing. Cancel them, then "
                f"remove {self.path} and restart."
            )
        if before.executor != OURS:
            return []
        if before.user != getpass.getuser() and slurm_jobs.recorded(Path(before.folder)):
            raise LiveccError(
                f"The last run ({before}) was killed; its cluster jobs may still be writing, and "
                f"only {before.user} can cancel them (scancel). Then remove {self.path} and "
                "restart."
            )
        return slurm_jobs.end_earlier_runs(Path(before.folder))

    def _at_work(self, writer: Writer | None) -> str:
        if writer is None:
            return f"Another run is at work in {self.path.parent}; wait until it has ended."
        stop = f"kill -INT {writer.driver.pid}"
        return (
            f"Another run is at work in {self.path.parent} ({writer}). Wait until it has ended, "
            f"or stop it: {stop}, on {writer.driver.host}. If it is certain that it is gone, "
            f"remove {self.path}."
        )

    def _last_sign(self) -> float | None:
        try:
            return self.heartbeat.stat().st_mtime
        except OSError:
            return None

    def _read(self) -> Writer | None:
        assert self._descriptor is not None
        try:
            told: dict[str, Any] = json.loads(os.pread(self._descriptor, 10_000, 0))
            return Writer(**{**told, "driver": Driver(**told["driver"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _write(self, writer: Writer) -> None:
        assert self._descriptor is not None
        sign(self._descriptor, json.dumps(asdict(writer), indent=1) + "\n")

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
