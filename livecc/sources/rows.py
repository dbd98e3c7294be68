"""Rows of CSV and Parquet files of others, one at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.limits import MAX_INPUT_LINE_BYTES
from livecc.files.lines import BrokenFileError, read_lines
from livecc.files.parquet import column_names, read_row_batches
from livecc.formats.input_lines import TOO_LONG
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
        return next(csv.reader(_text_lines(path, [])), [])
    except csv.Error as error:
        raise LiveccError(f"{path}: no CSV: {error}") from None


def rows_of(path: Path) -> Iterator[Row | Bad]:
    """(number, row) of a table, by the suffix of its name; numbers are of lines, or rows from 1."""
    if path.name.endswith(".parquet"):
        number = 0
        try:
            for number, row in enumerate(read_row_batches(path, _BATCH_ROWS), 1):
                yield number, row
        except LiveccError as error:
            yield Bad(f"after row {number}", str(error).removeprefix(f"{path}: "))
    else:
        yield from csv_rows(path)


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


def _text_lines(path: Path, problems: list[Bad]) -> Iterator[str]:
    numbered = read_lines(path)
    number = 0
    while True:
        try:
            number, line = next(numbered)
        except StopIteration:
            return
        except BrokenFileError as error:
            problems.append(Bad(f"line {number + 1}", str(error).removeprefix(f"{path}: ")))
            return
        if line is None:
            problems.append(Bad(f"line {number}", TOO_LONG))
            continue
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "replace") + "\n"
