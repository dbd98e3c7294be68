"""Minutes of a job: in proportion to its items, its input and its attempt."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from livecc.planning import resources
from livecc.scores.throughput import Throughput
from tests.support.built_in import SCORE_STAGES

LOSS, TALKING_HEAD = SCORE_STAGES["score_lm_loss"], SCORE_STAGES["score_talking_head"]
#: Ten items a second, a minute to load.
SPEED = Throughput(jobs=3, items=900, items_per_second=10.0, load_seconds=60.0)


def test_minutes_follow_the_items_at_the_speed_of_earlier_jobs() -> None:
    # 36,000 items take an hour, and loading a minute; a job gets twice that.
    assert resources.score_minutes(240, 1, 5.0, 36_000, SPEED) == 122
    assert resources.score_minutes(240, 2, 5.0, 36_000, SPEED) == 244
    assert resources.score_minutes(240, 1, 5.0, 3, SPEED) == resources.FLOOR_MINUTES


def test_without_earlier_jobs_the_configured_minutes_are_for_10_mb() -> None:
    assert resources.score_minutes(120, 1, 3.0, 500, None) == 120
    assert resources.score_minutes(120, 1, 25.0, 500, None) == 300
    assert resources.score_minutes(120, 3, 25.0, None, SPEED) == 900


def test_stages_without_a_model_get_time_to_read() -> None:
    assert resources.plain_minutes(5, 1, 0.1) == 6
    assert resources.plain_minutes(5, 2, 600) == 30


def test_items_are_rows_or_videos(tmp_path: Path) -> None:
    path = tmp_path / "clips.parquet"
    pq.write_table(pa.table({"clip": ["a", "b", "c"], "video": ["v", "v", "w"]}), path)
    assert resources.items_of(LOSS, path) == 3
    assert resources.items_of(TALKING_HEAD, path) == 2
    assert resources.items_of(LOSS, tmp_path / "no.parquet") is None
    path.write_bytes(b"half a ta")
    assert resources.items_of(LOSS, path) is None
