"""Tables as they are written."""

from __future__ import annotations

from pathlib import Path

import pyarrow

from livecc.files.parquet import read_rows, write_table


def test_reasons_hold_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    """Whatever a service, a file or another package said; other columns are data."""
    fields = pyarrow.schema([(name, pyarrow.string()) for name in ("video", "reason", "why")])
    hostile = "said \x1b[2J\r\x9b\nover"
    rows = [{"video": hostile, "reason": hostile}, {"video": "", "reason": None, "why": "so"}]
    write_table(tmp_path / "a.parquet", fields, rows)
    one, two = read_rows(tmp_path / "a.parquet")
    assert one == {"video": hostile, "reason": "said \ufffd[2J\ufffd\ufffd\ufffdover", "why": None}
    assert two == {"video": "", "reason": None, "why": "so"}
