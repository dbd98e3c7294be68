"""Rows of CSV and Parquet files of others, one at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.limits import MAX_EXPANSION, MAX_INPUT_LINE_BYTES, most_unpacked
from livecc.files.lines import BrokenFileError, read_lines
from livecc.files.parquet import column_names
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
    yield from parquet_rows(path) if path.name.endswith(".parquet") else csv_rows(path)


def parquet_rows(path: Path) -> Iterator[Row | Bad]:
    """(number from 1, row) of a Parquet file.

    A file of two kilobytes may hold a row of a hundred million numbers: what its footer counts is
    limited as what compressed files unpack to, and a row as a line of JSON.
    """
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            if _unpacks_too_far(table.metadata):
                yield Bad(
                    "its footer",
                    f"the columns unpack to more than {MAX_EXPANSION} times their size; "
                    "write the table again with smaller row groups",
                )
                return
            for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
                if batch.nbytes <= MAX_INPUT_LINE_BYTES:
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
                    continue
                for index in range(batch.num_rows):
                    number += 1
                    one = batch.slice(index, 1)
                    if one.nbytes > MAX_INPUT_LINE_BYTES:
                        size = MAX_INPUT_LINE_BYTES // 2**20
                        yield Bad(f"row {number}", f"the row is larger than {size} MiB")
                    else:
                        yield number, one.to_pylist()[0]
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        yield Bad(f"after row {number}", f"cannot be read as a Parquet table ({reason})")


def _unpacks_too_far(metadata: Any) -> bool:
    """Whether a column's values in a row group take far more bytes than the file has for them."""
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        for place in range(columns.num_columns):
            column = columns.column(place)
            if 8 * column.num_values > most_unpacked(column.total_compressed_size):
                return True
    return False


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
