"""When a changed gate needs a shard's score job again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc.files.parquet import write_table
from livecc.formats.tables import schema
from livecc.scores import coverage as module
from livecc.scores.coverage import Coverage, read_coverage, write_coverage
from tests.support.built_in import RULES


def lets_in_all(note: Coverage, gate: dict[str, Any], *more: Any) -> bool:
    return module.lets_in_all(note, gate, RULES, *more)


GATE = {"words_per_second": {"min": 1.0, "max": 3.0}}


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three clips of 2, 4 and 6 words a second, and one that could not be made."""
    path = tmp_path / "clips.parquet"
    rows = [
        {
            "clip": f"v#{n}",
            "video": "v",
            "first_word": 0,
            "last_word": 9,
            "start": 0.0,
            "end": 9.0,
            "words_per_second": speed,
            "status": "failed" if speed == 9.0 else "ok",
        }
        for n, speed in enumerate((2.0, 4.0, 6.0, 9.0))
    ]
    write_table(path, schema("clips"), rows)
    return path


def noted(gate: dict[str, Any], failed: int = 0) -> Coverage:
    return Coverage(gate, "t0", failed)


@pytest.mark.parametrize(
    "gate",
    [
        GATE,
        {"words_per_second": {"min": 2, "max": 2.5}},
        # Wider, but nothing of this shard lies between 3 and 3.9.
        {"words_per_second": {"min": 1, "max": 3.9}},
        # The clip at 9 words a second could not be made: there is nothing to score.
        {"words_per_second": {"min": 7}},
    ],
)
def test_covered_gate_lets_in_no_more(clips: Path, gate: dict[str, Any]) -> None:
    assert lets_in_all(noted(GATE), gate, clips)


@pytest.mark.parametrize("gate", [{}, {"words_per_second": {"max": 4.0}}])
def test_a_clip_that_comes_in_is_seen(clips: Path, gate: dict[str, Any]) -> None:
    assert not lets_in_all(noted(GATE), gate, clips)
    # After the job that this started has noted it, nothing runs again, and back at the first gate,
    # everything is covered.
    assert lets_in_all(noted(gate), gate, clips)
    assert lets_in_all(noted(gate), GATE, clips)


def test_tables_that_are_not_there_leave_the_note(tmp_path: Path) -> None:
    """The job runs anyway, because its inputs will be made."""
    assert lets_in_all(noted(GATE), {}, tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert lets_in_all(noted(GATE), {}, tmp_path / "broken.parquet")


def test_notes_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "note.json"
    coverage = Coverage(GATE, "t1", 3, {"version": "1", "model": None})
    write_coverage(path, coverage)
    assert read_coverage(path) == coverage
    path.write_text('{"gate": ')
    assert read_coverage(path) is None
    path.write_text('{"other": 1}')
    assert read_coverage(path) is None
    assert read_coverage(tmp_path / "none.json") is None
