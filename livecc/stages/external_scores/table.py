"""Reading external tables of scores: Parquet or CSV, in batches, only the two columns in use.

Keys are converted to strings; in CSV they are taken literally ("007"). A score is a number, or a
string if the score is a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.foreign_parquet import TOO_LARGE, ExpandsError, read_foreign_batches

SUFFIXES = (".parquet", ".csv", ".csv.gz")
#: Parquet rows in memory at a time.
_BATCH_ROWS = 65_536


def is_csv(path: Path) -> bool:
    return path.name.endswith((".csv", ".csv.gz"))


def head(path: Path) -> Any:
    """The `pyarrow.Schema` of a table; inferred from the first rows for CSV.

    Raises LiveccError when it cannot be read.
    """
    import pyarrow.csv
    import pyarrow.parquet

    with _readable(path):
        if is_csv(path):
            with pyarrow.csv.open_csv(path, parse_options=_csv_format()) as reader:
                return reader.schema
        return pyarrow.parquet.read_schema(path)


def rows(path: Path, key: str, column: str, *, labels: bool) -> Iterator[Any]:
    """Batches (`pyarrow.RecordBatch`) of the columns "key" and "score"; null where missing.

    Raises LiveccError when the table cannot be read or a score has the wrong type.
    """
    import pyarrow

    score = pyarrow.string() if labels else pyarrow.float64()
    with _readable(path):
        for batch in _batches(path, key, column, score):
            columns = [
                batch.column(key).cast(pyarrow.string()),
                batch.column(column).cast(score, safe=False),
            ]
            yield pyarrow.record_batch(columns, names=["key", "score"])


def _batches(path: Path, key: str, column: str, score: Any) -> Iterator[Any]:
    import pyarrow.csv

    wanted = list(dict.fromkeys((key, column)))
    if not is_csv(path):
        for first, batch in read_foreign_batches(path, _BATCH_ROWS, wanted):
            if batch is None:
                raise LiveccError(f"{path}, row {first + 1}: {TOO_LARGE}")
            yield batch
        return
    labels = score == pyarrow.string()
    convert = pyarrow.csv.ConvertOptions(
        include_columns=wanted,
        column_types={column: score, key: pyarrow.string()},
        strings_can_be_null=labels,
        # "NA" can be a label.
        **({"null_values": [""]} if labels else {}),
    )
    with pyarrow.csv.open_csv(
        path,
        # Single-threaded, because only then error messages contain the row number.
        read_options=pyarrow.csv.ReadOptions(use_threads=False),
        parse_options=_csv_format(),
        convert_options=convert,
    ) as reader:
        yield from reader


def _csv_format() -> Any:
    import pyarrow.csv

    return pyarrow.csv.ParseOptions(newlines_in_values=True)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (OSError, ExpandsError, pyarrow.ArrowException) as error:
        kind = "CSV" if is_csv(path) else "Parquet"
        reason = " ".join(str(error).split())
        raise LiveccError(f"{path}: cannot be read as {kind} ({reason})") from None
