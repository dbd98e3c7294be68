"""Speed of a stage in its latest jobs, from the last lines of the score cache's segments."""

from __future__ import annotations

import heapq
import statistics
from dataclasses import dataclass
from pathlib import Path

from livecc.scores.segments import begun, read_job

#: Number of latest segments to read, and of jobs in them to count at most.
_SEGMENTS = 400
_JOBS = 40


@dataclass(frozen=True)
class Throughput:
    """What the latest jobs of a stage did; `items_per_second` does not count loading."""

    jobs: int
    items: int
    items_per_second: float
    load_seconds: float

    def seconds(self, items: int, jobs: int) -> float:
        """Estimated seconds for scoring `items` in `jobs` that each load the model."""
        return items / self.items_per_second + jobs * self.load_seconds


def throughput(
    root: Path | str, stage: str, device: str | None = None, fingerprint: str | None = None
) -> Throughput | None:
    """The speed of the latest jobs of a stage; None when none is recorded.

    `device` and `fingerprint` restrict it to jobs on that device with those settings. Rates are
    sums over jobs, so that small jobs have little weight; the load time is the median, because the
    first job on a machine reads the weights from disk.
    """
    jobs = []
    for path in _latest_segments(Path(root) / stage, fingerprint):
        job = read_job(path)
        if job is not None and device in (None, job.get("device")):
            jobs.append(job)
            if len(jobs) == _JOBS:
                break
    items = sum(job["scored"] for job in jobs)
    seconds = sum(job["seconds"] for job in jobs)
    if not items or seconds <= 0:
        return None
    return Throughput(
        jobs=len(jobs),
        items=items,
        items_per_second=items / seconds,
        load_seconds=statistics.median(job["load_seconds"] for job in jobs),
    )


def _latest_segments(stage: Path, fingerprint: str | None) -> list[Path]:
    """The latest segments, newest first."""
    return heapq.nlargest(_SEGMENTS, stage.glob(f"{fingerprint or '*'}/*.jsonl"), key=begun)
