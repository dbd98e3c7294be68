"""Time limits of jobs: their amount of work at the speed of earlier jobs."""

from __future__ import annotations

import math
import time
from functools import lru_cache
from pathlib import Path

from livecc.declaration import CachedStage
from livecc.scores.throughput import Throughput, throughput

#: Safety factor on the estimate: nodes and shards differ.
MARGIN = 2.0
#: Minimum minutes of an estimated job; reading the weights may take a while.
FLOOR_MINUTES = 10
#: Seconds between two look-ups of the speed of earlier jobs.
REFRESH_SECONDS = 600.0
#: Input size that the configured minutes of a stage without earlier jobs are meant for.
MB_PER_RUNTIME = 10.0
#: Minimum MB/s of stages without a model (benchmarks/README.md reports 30 and more).
PLAIN_MB_PER_SECOND = 1.0


def score_minutes(
    configured: int, attempt: int, size_mb: float, items: int | None, speed: Throughput | None
) -> int:
    """Minutes of a job that scores at most `items`.

    Without earlier jobs: the configured minutes up to 10 MB of input, proportionally more above.
    """
    if items is None or speed is None:
        return round(configured * max(1.0, size_mb / MB_PER_RUNTIME)) * attempt
    estimate = math.ceil(MARGIN * speed.seconds(items, jobs=1) / 60)
    return max(FLOOR_MINUTES, estimate) * attempt


def plain_minutes(configured: int, attempt: int, size_mb: float) -> int:
    """Minutes of a job without a model: the configured ones plus reading and writing."""
    return (configured + math.ceil(size_mb / PLAIN_MB_PER_SECOND / 60)) * attempt


def items_of(stage: CachedStage, table: Path) -> int | None:
    """Upper bound of items to score: the rows of the stage's clips or records, or their videos.

    None when the table does not exist yet.
    """
    import pyarrow
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        if stage.item == "video" and "clips" in stage.needs:
            return int(pc.count_distinct(pq.read_table(table, columns=["video"])["video"]).as_py())
        return int(pq.read_metadata(table).num_rows)
    except (OSError, KeyError, pyarrow.ArrowException):
        return None


def speed_of(cache: Path, stage: str) -> Throughput | None:
    """The speed of the stage's latest jobs; may be a few minutes old."""
    return _speed_of(cache, stage, int(time.monotonic() / REFRESH_SECONDS))


@lru_cache(maxsize=32)
def _speed_of(cache: Path, stage: str, _period: int) -> Throughput | None:
    return throughput(cache, stage)
