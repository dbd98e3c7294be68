"""Reading Parquet files of others in batches of bounded size.

A few kilobytes may hold a hundred million numbers, or one long text that a hundred thousand values
refer to: what a file unpacks to is known before it is unpacked. Texts are read as references to a
dictionary, and counted in full only where they fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from livecc.files.limits import MAX_EXPANSION, MAX_INPUT_LINE_BYTES, most_unpacked

#: Of a row in whose place there is None.
TOO_LARGE = f"the row is larger than {MAX_INPUT_LINE_BYTES // 2**20} MiB"


class ExpandsError(ValueError):
    """The columns of a file unpack to far more than their size."""


def read_foreign_batches(
    path: Path | str, batch_rows: int, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, Any]]:
    """(number of its first row from 0, `pyarrow.RecordBatch`) of a file, in order.

    A batch has at most `batch_rows` rows and takes at most 32 MiB (the limit of a line of JSON). In
    the place of one row that is larger alone stands None. Raises ExpandsError, before a row is
    read, and what pyarrow raises for a file that is not Parquet.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as table:
        metadata = table.metadata
        plain = table.schema_arrow
    if _unpacks_too_far(metadata):
        raise ExpandsError(
            f"the columns unpack to more than {MAX_EXPANSION} times their size; "
            "write the table again with smaller row groups"
        )
    first = 0
    with pyarrow.parquet.ParquetFile(path, read_dictionary=_dictionaries(metadata)) as table:
        for batch in table.iter_batches(batch_rows, columns=columns, use_threads=False):
            schema = pyarrow.schema([plain.field(name) for name in batch.schema.names])
            for part in _parts(batch):
                if part is None:
                    yield first, None
                    first += 1
                else:
                    yield first, _cast(part, schema)
                    first += part.num_rows


def _dictionaries(metadata: Any) -> list[str]:
    """The paths of the columns whose texts refer to a dictionary."""
    schema = metadata.schema
    texts = [
        place
        for place in range(metadata.num_columns)
        if schema.column(place).physical_type == "BYTE_ARRAY"
    ]
    groups = range(metadata.num_row_groups)
    return [
        schema.column(place).path
        for place in texts
        if any(metadata.row_group(group).column(place).has_dictionary_page for group in groups)
    ]


def _parts(batch: Any) -> Iterator[Any]:
    """The batch, or halves of it until each is small enough; None for a row that is not."""
    if _unpacked_bytes(batch) <= MAX_INPUT_LINE_BYTES:
        yield batch
    elif batch.num_rows == 1:
        yield None
    else:
        middle = batch.num_rows // 2
        yield from _parts(batch.slice(0, middle))
        yield from _parts(batch.slice(middle))


def _unpacked_bytes(batch: Any) -> int:
    return sum(_array_bytes(column) for column in batch.columns)


def _array_bytes(array: Any) -> int:
    """The bytes that an array takes with its dictionaries' values in their places."""
    import pyarrow.compute

    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        lengths = pyarrow.compute.binary_length(array.dictionary)
        values = lengths.take(array.indices).cast(pyarrow.int64())
        return int(array.indices.nbytes + (pyarrow.compute.sum(values).as_py() or 0))
    if pyarrow.types.is_struct(kind):
        return sum(map(_array_bytes, array.flatten())) + len(array)
    if isinstance(array, pyarrow.FixedSizeListArray):
        return _array_bytes(array.flatten()) + len(array)
    if isinstance(array, pyarrow.ListArray | pyarrow.LargeListArray):  # a map is a ListArray
        first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return _array_bytes(array.values.slice(first, last - first)) + 4 * len(array)
    return int(array.nbytes)


def _cast(batch: Any, schema: Any) -> Any:
    import pyarrow

    if batch.schema.equals(schema):
        return batch
    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pyarrow.record_batch(columns, schema=schema)


def _unpacks_too_far(metadata: Any) -> bool:
    """Whether a column's values in a row group take far more bytes than the file has for them."""
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        for place in range(columns.num_columns):
            column = columns.column(place)
            unpacked = max(8 * column.num_values, column.total_uncompressed_size)
            if unpacked > most_unpacked(column.total_compressed_size):
                return True
    return False
