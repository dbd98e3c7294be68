"""Reading and writing Parquet tables batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

from livecc.errors import LiveccError
from livecc.files.atomic import atomic_path
from livecc.terminal import printable

ROWS_PER_GROUP = 65_536
#: Columns of words for people, which hold nothing that a terminal obeys.
_FOR_PEOPLE = ("reason", "why")


class TableWriter:
    """Writes a Parquet table batch by batch with a declared schema; a context manager.

    Rows are buffered up to `rows_per_group` and then written as one row group.
    """

    def __init__(self, path: Path | str, schema: Any, rows_per_group: int = ROWS_PER_GROUP) -> None:
        self.path = Path(path)
        self.schema = schema
        self.rows_per_group = rows_per_group
        self._columns: dict[str, list[Any]] = {name: [] for name in schema.names}
        self._buffered = 0

    def __enter__(self) -> TableWriter:
        import pyarrow.parquet

        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path))
            self._writer = pyarrow.parquet.ParquetWriter(temporary, self.schema, compression="zstd")
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        """Append one row; columns missing from `row` are null."""
        for name, column in self._columns.items():
            column.append(row.get(name))
        self._buffered += 1
        if self._buffered >= self.rows_per_group:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        if self._buffered:
            for name in _FOR_PEOPLE:
                if name in self._columns:
                    texts = self._columns[name]
                    texts[:] = [text and printable(text) for text in texts]
            self._writer.write_table(pyarrow.table(self._columns, schema=self.schema))
            for column in self._columns.values():
                column.clear()
            self._buffered = 0

    def _finish(self, kind: Any, *_: object) -> None:
        """Write the remaining rows; after an error (a full disk, say) only close the file."""
        try:
            if kind is None:
                self._flush()
                self._writer.close()
        finally:
            with suppress(OSError):
                self._writer.close()

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)


def write_table(path: Path | str, schema: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a Parquet file atomically."""
    with TableWriter(path, schema) as writer:
        for row in rows:
            writer.write(row)


def write_arrow(path: Path | str, table: Any) -> None:
    """Write a `pyarrow.Table` to a Parquet file atomically, like `TableWriter`."""
    import pyarrow.parquet

    with atomic_path(path) as temporary:
        pyarrow.parquet.write_table(
            table, temporary, compression="zstd", row_group_size=ROWS_PER_GROUP
        )


def read_table(path: Path | str, columns: Sequence[str] | None = None) -> Any:
    """The `pyarrow.Table` of a Parquet file written by the workflow.

    Raises LiveccError when the file cannot be read, or lacks a column.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        # No memory_map: on network file systems, replacing a mapped file raises SIGBUS.
        with pyarrow.OSFile(str(path)) as file:
            # A shard's table is too small for several threads; jobs and shards run in parallel.
            table = pyarrow.parquet.ParquetFile(file).read(columns=columns, use_threads=False)
    except (OSError, pyarrow.ArrowException) as error:
        raise LiveccError(
            f"{path}: cannot be read as a Parquet table ({error}); remove it to make it again"
        ) from None
    missing = [name for name in columns or () if name not in table.column_names]
    if missing:
        raise LiveccError(
            f"{path}: has no column {missing[0]!r}: it is of another version of the workflow; "
            "run the workflow to make it again"
        )
    return table


def read_rows(path: Path | str, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rows of a Parquet file, as dicts."""
    return cast(list[dict[str, Any]], read_table(path, columns).to_pylist())


def column_names(path: Path | str) -> list[str]:
    """The names of the columns of a Parquet file, in their order.

    Raises LiveccError when the file cannot be read.
    """
    return list(_metadata(path).schema.to_arrow_schema().names)


def count_rows(path: Path | str, *, own: bool = False) -> int:
    """The number of rows of a Parquet file; `own`: the workflow wrote it.

    Raises LiveccError when it cannot be read.
    """
    return int(_metadata(path, own=own).num_rows)


def _metadata(path: Path | str, *, own: bool = False) -> Any:
    """What the footer of a file says."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_metadata(path)
    except (OSError, pyarrow.ArrowException) as error:
        hint = "; remove it to make it again" if own else ""
        raise LiveccError(f"{path}: cannot be read as a Parquet table ({error}){hint}") from None


def read_row_batches(path: Path | str, batch_rows: int = 8_192) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as dicts, with one batch in memory at a time.

    Raises LiveccError when the file cannot be read, or lacks a column.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_rows):
                yield from batch.to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise LiveccError(
            f"{path}: cannot be read as a Parquet table ({error}); remove it to make it again"
        ) from None
