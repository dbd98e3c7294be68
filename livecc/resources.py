"""How long a job may take: what it has to do, at the speed of the jobs before it."""

from __future__ import annotations

import math
import time
from functools import lru_cache
from pathlib import Path

from livecc.throughput import Throughput, throughput

#: A job gets this many times the estimate: nodes differ, and so do shards.
MARGIN = 2.0
#: Least minutes of a job that was estimated; a file system may take some to read the weights.
FLOOR_MINUTES = 10
#: The speeds of earlier jobs are looked up this often, in seconds.
REFRESH_SECONDS = 600.0
#: The configured minutes of a stage without earlier jobs are for so much input.
MB_PER_RUNTIME = 10.0
#: MB/s at the least of stages without a model (benchmarks/README.md has 30 and more).
PLAIN_MB_PER_SECOND = 1.0


def score_minutes(
    configured: int, attempt: int, size_mb: float, items: int | None, speed: Throughput | None
) -> int:
    """Minutes of a job that scores at most `items`.

    Without earlier jobs, the configured ones for 10 MB of input, and in proportion above that.
    """
    if items is None or speed is None:
        return round(configured * max(1.0, size_mb / MB_PER_RUNTIME)) * attempt
    estimate = math.ceil(MARGIN * speed.seconds(items, jobs=1) / 60)
    return max(FLOOR_MINUTES, estimate) * attempt


def plain_minutes(configured: int, attempt: int, size_mb: float) -> int:
    """Minutes of a job without a model: the configured ones, and what reading and writing take."""
    return (configured + math.ceil(size_mb / PLAIN_MB_PER_SECOND / 60)) * attempt


def items_of(stage: str, table: Path) -> int | None:
    """Items that a stage may have to score: the rows of its clips or records, or their videos.

    None when the table is not there yet.
    """
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        if stage == "score_talking_head":
            return int(pc.count_distinct(pq.read_table(table, columns=["video"])["video"]).as_py())
        return int(pq.read_metadata(table).num_rows)
    except (OSError, KeyError, pyarrow.ArrowInvalid):
        return None


def speed_of(cache: Path, stage: str) -> Throughput | None:
    """The speed of the stage's latest jobs, as of some minutes ago at most."""
    return _speed_of(cache, stage, int(time.monotonic() / REFRESH_SECONDS))


@lru_cache(maxsize=32)
def _speed_of(cache: Path, stage: str, _period: int) -> Throughput | None:
    return throughput(cache, stage)
