"""The clips that a change of thresholds lets enter and leave, as a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.errors import LiveccError
from livecc.files import JSON_LINES_SUFFIXES, TableWriter, open_atomic
from livecc.tables import schema


def check_output(path: Path) -> None:
    """Raise LiveccError when the name does not say a format that `write_clips` writes."""
    if not path.name.endswith((*JSON_LINES_SUFFIXES, ".parquet")):
        raise LiveccError(f"{path}: must end in {', '.join((*JSON_LINES_SUFFIXES, '.parquet'))}")


def write_clips(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows of the table `what_if`, as JSON lines without nulls or Parquet; their number."""
    fields = schema("what_if")
    count = 0
    if path.suffix == ".parquet":
        # Small groups: a row holds a text.
        with TableWriter(path, fields, rows_per_group=4_096) as table:
            for count, row in enumerate(rows, 1):  # noqa: B007
                table.write(row)
        return count
    with open_atomic(path) as stream:
        for count, row in enumerate(rows, 1):  # noqa: B007
            given = {name: row[name] for name in fields.names if row.get(name) is not None}
            stream.write(orjson.dumps(given, option=orjson.OPT_APPEND_NEWLINE))
    return count
