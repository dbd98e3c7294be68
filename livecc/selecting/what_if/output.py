"""Writing the clips that enter and leave to a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from livecc.declaration import TableStage, rule_columns_of
from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic
from livecc.files.lines import JSON_LINES_SUFFIXES
from livecc.files.parquet import TableWriter
from livecc.formats.tables import WHAT_IF, arrow_schema


def check_output(path: Path) -> None:
    """Raise LiveccError when `write_clips` does not support the suffix."""
    if not path.name.endswith((*JSON_LINES_SUFFIXES, ".parquet")):
        raise LiveccError(f"{path}: must end in {', '.join((*JSON_LINES_SUFFIXES, '.parquet'))}")


def write_clips(path: Path, stages: Iterable[TableStage], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows of `changed_clips` as JSON lines (without nulls) or Parquet; returns their number.

    `stages` are those whose scores get columns.
    """
    fields = arrow_schema(WHAT_IF | rule_columns_of(stages) | {"text": "string"})
    count = 0
    if path.suffix == ".parquet":
        # Small row groups, because rows contain text.
        with TableWriter(path, fields, rows_per_group=4_096) as table:
            for count, row in enumerate(rows, 1):  # noqa: B007
                table.write(row)
        return count
    with open_atomic(path) as stream:
        for count, row in enumerate(rows, 1):  # noqa: B007
            given = {name: row[name] for name in fields.names if row.get(name) is not None}
            stream.write(orjson.dumps(given, option=orjson.OPT_APPEND_NEWLINE))
    return count
