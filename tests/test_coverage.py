"""When a changed gate needs a shard's score job again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc.coverage import Coverage, read_coverage, token, write_coverage
from livecc.files import write_table
from livecc.tables import schema

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


def test_without_a_note_the_token_is_that_of_the_gate(clips: Path) -> None:
    assert token(None, GATE, clips) == token(None, dict(GATE))
    assert token(None, GATE) != token(None, {})


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
def test_covered_gate_keeps_the_token(clips: Path, gate: dict[str, Any]) -> None:
    assert token(noted(GATE), gate, clips) == "t0"


@pytest.mark.parametrize("gate", [{}, {"words_per_second": {"max": 4.0}}])
def test_a_clip_that_comes_in_makes_a_new_token(clips: Path, gate: dict[str, Any]) -> None:
    new = token(noted(GATE), gate, clips)
    assert new != "t0"
    assert new == token(noted(GATE), gate, clips)
    # After the job that this started has noted it, nothing runs again ...
    after = Coverage(gate, new, 0)
    assert token(after, gate, clips) == new
    # ... and back at the first gate, everything is covered.
    assert token(after, GATE, clips) == new


def test_narrower_job_then_wider_gate_is_no_earlier_token(clips: Path) -> None:
    """The shard's table was made anew for a narrow gate; the first one's token must not return."""
    first = token(None, GATE, clips)
    narrow = {"words_per_second": {"max": 1.5}}
    again = Coverage(narrow, first, 0)
    assert token(again, GATE, clips) not in (first, token(None, GATE, clips))


def test_tables_that_are_not_there_leave_the_note(tmp_path: Path) -> None:
    """The job runs anyway, and Snakemake asks again when its inputs are there."""
    assert token(noted(GATE), {}, tmp_path / "none.parquet") == "t0"
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert token(noted(GATE), {}, tmp_path / "broken.parquet") == "t0"


def test_failed_items_are_tried_again_on_request(clips: Path) -> None:
    assert token(noted(GATE, failed=2), GATE, clips, retry_failed=True) != "t0"
    assert token(noted(GATE, failed=0), GATE, clips, retry_failed=True) == "t0"
    assert token(noted(GATE, failed=2), GATE, clips) == "t0"


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
