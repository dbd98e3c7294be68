"""Rows of CSV and Parquet files of others, one at a time."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.foreign_parquet import TOO_LARGE, ExpandsError, read_foreign_batches
from livecc.files.limits import MAX_INPUT_LINE_BYTES
from livecc.files.parquet import column_names
from livecc.sources.numbered_lines import numbered_lines
from livecc.sources.registry import Bad

#: Captions of a video may have a megabyte.
_BATCH_ROWS = 256
TABLE_SUFFIXES = (".csv", ".csv.gz", ".parquet")

Row = tuple[int, Mapping[str, Any]]


def names_of(path: Path) -> list[str]:
    """The names of a table's columns. Raises LiveccError if it is none."""
    if path.name.endswith(".parquet"):
        return column_names(path)
    try:
        names = next(csv.reader(_text_lines(path, [])), [])
    except csv.Error as error:
        raise LiveccError(f"{path}: no CSV: {error}") from None
    if problem := _header_problem(names):
        raise LiveccError(f"{path}, line 1: {problem}")
    return names


def rows_of(path: Path) -> Iterator[Row | Bad]:
    """(number, row) of a table, by the suffix of its name; numbers are of lines, or rows from 1."""
    yield from parquet_rows(path) if path.name.endswith(".parquet") else csv_rows(path)


def parquet_rows(path: Path) -> Iterator[Row | Bad]:
    """(number from 1, row) of a Parquet file; a row may take as much memory as a line of JSON."""
    import pyarrow

    number = 0
    try:
        for first, batch in read_foreign_batches(path, _BATCH_ROWS):
            if batch is None:
                number = first + 1
                yield Bad(f"row {number}", TOO_LARGE)
                continue
            for number, row in enumerate(batch.to_pylist(), first + 1):
                yield number, row
    except ExpandsError as error:
        yield Bad("its footer", str(error))
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        yield Bad(f"after row {number}", f"cannot be read as a Parquet table ({reason})")


def csv_rows(path: Path) -> Iterator[Row | Bad]:
    """(line number, row) of a CSV file with a header; all values are texts."""
    # As long as a whole line may be: an open quote would otherwise swallow the file.
    csv.field_size_limit(MAX_INPUT_LINE_BYTES)
    problems: list[Bad] = []
    reader = csv.reader(_text_lines(path, problems))
    header: list[str] | None = None
    try:
        for values in reader:
            yield from problems
            problems.clear()
            if header is None:
                if problem := _header_problem(values):
                    yield Bad("line 1", problem)
                    return
                header = values
            elif len(values) == len(header):
                yield reader.line_num, dict(zip(header, values, strict=True))
            elif values:
                yield Bad(
                    f"line {reader.line_num}",
                    f"{len(values)} values, but the header has {len(header)}",
                )
    except csv.Error as error:
        yield Bad(f"line {reader.line_num}", f"no CSV: {error}")
    yield from problems


def _header_problem(names: list[str]) -> str | None:
    """Why these cannot be the names of columns, or None."""
    if "\0" in "".join(names):
        return "no UTF-8 text (UTF-16 perhaps); save the table as UTF-8"
    # A column without a name is a mere number of rows, as some programs write.
    doubled = next((name for name, count in Counter(filter(None, names)).items() if count > 1), "")
    return f"the header has {doubled!r} twice; rename one of the columns" if doubled else None


def _text_lines(path: Path, problems: list[Bad]) -> Iterator[str]:
    for found in numbered_lines(path):
        if isinstance(found, Bad):
            problems.append(found)
            continue
        number, line = found
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "replace") + "\n"
