"""Tables as they are written."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest

from livecc.errors import LiveccError
from livecc.files.parquet import count_rows, read_row_batches, read_rows, write_table


def test_reasons_hold_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    """Whatever a service, a file or another package said; other columns are data."""
    fields = pyarrow.schema([(name, pyarrow.string()) for name in ("video", "reason", "why")])
    hostile = "said \x1b[2J\r\x9b\nover"
    rows = [{"video": hostile, "reason": hostile}, {"video": "", "reason": None, "why": "so"}]
    write_table(tmp_path / "a.parquet", fields, rows)
    one, two = read_rows(tmp_path / "a.parquet")
    assert one == {"video": hostile, "reason": "said \ufffd[2J\ufffd\ufffd\ufffdover", "why": None}
    assert two == {"video": "", "reason": None, "why": "so"}


def test_a_damaged_table_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_table(path, pyarrow.schema([("video", pyarrow.string())]), [{"video": "a"}])
    assert count_rows(path) == 1
    path.write_bytes(path.read_bytes()[:-20])
    for read in (count_rows, read_rows, lambda damaged: list(read_row_batches(damaged))):
        with pytest.raises(LiveccError, match=r"a\.parquet: cannot be read as a Parquet table"):
            read(path)
