"""Progress of a job, in its log and in a small file for followers of the run.

The file is next to the job's stats and is removed when the job ends, so existing files belong to
running or killed jobs.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livecc.files.atomic import write_json
from livecc.terminal import count

log = logging.getLogger(__name__)

LOG_SECONDS = 15.0
FILE_SECONDS = 5.0


def progress_file(stats: Path) -> Path:
    """The progress file of the job that will write `stats`."""
    return stats.with_name(f".{stats.stem}.progress.json")


@contextmanager
def job_progress(stage: str, total: int, stats: Path) -> Iterator[JobProgress]:
    """The progress of a job with `total` items to score; removes its file on exit."""
    progress = JobProgress(stage, total, progress_file(stats))
    try:
        progress.write()
        yield progress
    finally:
        progress.file.unlink(missing_ok=True)


class JobProgress:
    """Counts items; logs items a second and time left, and writes the file, every few seconds."""

    def __init__(self, stage: str, total: int, file: Path) -> None:
        self.stage, self.total, self.file, self.count = stage, total, file, 0
        self._first: float | None = None
        self._logged = self._written = time.monotonic()

    def loaded(self) -> None:
        """The engine is loaded; speed is measured from here."""
        self._first = self._logged = time.monotonic()

    def done(self, n: int) -> None:
        """`n` more items have been scored."""
        self.count += n
        now = time.monotonic()
        if self._first is None:
            self._first = now
        if now - self._written >= FILE_SECONDS:
            self._written = now
            self.write()
        if now - self._logged >= LOG_SECONDS and self.count < self.total:
            self._logged = now
            rate = self.count / (now - self._first)
            log.info(
                "%s: %d of %s, %.2f items/s, about %.0f s left",
                *(self.stage, self.count, count(self.total, "item"), rate),
                (self.total - self.count) / rate,
            )

    def write(self) -> None:
        write_json(
            self.file,
            {
                "total": self.total,
                "done": self.count,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
            },
        )
