"""How fast a stage was in its latest jobs, from the last lines of the score cache's segments."""

from __future__ import annotations

import heapq
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from livecc.score_cache import JOB_START, begun

#: So many of the latest segments are looked at, and so many jobs of them counted at most.
_SEGMENTS = 400
_JOBS = 40
_TAIL_BYTES = 8_192


@dataclass(frozen=True)
class Throughput:
    """What the latest jobs of a stage did.

    `items_per_second` is that of scoring, without loading. `units_per_second` is the same for
    what a stage counts besides items (tokens, seconds of sound).
    """

    jobs: int
    items: int
    items_per_second: float
    load_seconds: float
    units_per_second: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, items: int, jobs: int) -> float:
        """An estimate for `items` to be scored by `jobs` that load the model each."""
        return items / self.items_per_second + jobs * self.load_seconds


def throughput(
    root: Path | str, stage: str, device: str | None = None, fingerprint: str | None = None
) -> Throughput | None:
    """The speed of the latest jobs of a stage; None when none is recorded.

    `device` and `fingerprint` restrict it to jobs on that device, with those settings. Rates are
    sums over jobs, so that a job that scored two items counts as little as it should; the time to
    load is the median, because the first job of a machine reads the weights from the disk.
    """
    jobs = []
    for path in _latest_segments(Path(root) / stage, fingerprint):
        job = _job(path)
        if job is not None and device in (None, job.get("device")):
            jobs.append(job)
            if len(jobs) == _JOBS:
                break
    items = sum(job["scored"] for job in jobs)
    seconds = sum(job["seconds"] for job in jobs)
    if not items or seconds <= 0:
        return None
    units: Counter[str] = Counter()
    for job in jobs:
        units.update(job.get("units") or {})
    return Throughput(
        jobs=len(jobs),
        items=items,
        items_per_second=items / seconds,
        load_seconds=statistics.median(job["load_seconds"] for job in jobs),
        units_per_second={name: count / seconds for name, count in units.items()},
    )


def _latest_segments(stage: Path, fingerprint: str | None) -> list[Path]:
    """The segments that were begun last, from the newest."""
    return heapq.nlargest(_SEGMENTS, stage.glob(f"{fingerprint or '*'}/*.jsonl"), key=begun)


def _job(path: Path) -> dict[str, Any] | None:
    """What the last line of a segment says of its job; None when the job did not live to say it."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
            line = stream.read().rstrip(b"\n").rsplit(b"\n", 1)[-1]
        if not line.startswith(JOB_START):
            return None
        job: dict[str, Any] = orjson.loads(line)["job"]
        sound = all(
            isinstance(job[name], int | float) for name in ("scored", "seconds", "load_seconds")
        )
        return job if sound else None
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
