"""Parquet files of others: the same rows as pyarrow's, in a bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from livecc.files.foreign_parquet import ExpandsError, read_foreign_batches

KINDS: dict[str, Any] = {
    "texts": pyarrow.array(["a", None, "c"] * 100),
    "encoded": pyarrow.array(["a", "b", None] * 100).dictionary_encode(),
    "empty": pyarrow.array([""] * 300),
    "bytes": pyarrow.array([b"x", None, b"zz"] * 100),
    "numbers": pyarrow.array([1.5, 2, None] * 100),
    "nothing": pyarrow.nulls(300),
    "structs": pyarrow.array([{"a": {"b": ["x"]}}, None, {"a": None}] * 100),
    "captions": pyarrow.array([[{"start": 1.0, "text": "hello"}], [], None] * 100),
    "lists": pyarrow.array(
        [[["a"], ["b", "c"]], None, [[]]] * 100,
        pyarrow.large_list(pyarrow.list_(pyarrow.large_string())),
    ),
    "pairs": pyarrow.array(
        [["a", "b"], ["c", "d"], None] * 100, pyarrow.list_(pyarrow.string(), 2)
    ),
    "maps": pyarrow.array(
        [[("k", "v"), ("q", None)], None, []] * 100,
        pyarrow.map_(pyarrow.string(), pyarrow.string()),
    ),
}


def write(path: Path, columns: dict[str, Any]) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, compression="zstd")
    return path


@pytest.mark.parametrize("columns", [None, ["encoded", "numbers", "captions"]])
def test_every_kind_of_column_is_read_as_it_is(tmp_path: Path, columns: list[str] | None) -> None:
    path = write(tmp_path / "t.parquet", KINDS)
    rows: list[dict[str, Any]] = []
    for first, batch in read_foreign_batches(path, 64, columns):
        assert first == len(rows)
        assert batch.num_rows <= 64
        rows += batch.to_pylist()
    assert rows == pyarrow.parquet.read_table(path, columns=columns).to_pylist()


def repeated(text: str, counts: list[int]) -> pyarrow.Array:
    """Rows of lists that hold the text so many times, which the file holds once."""
    offsets = [sum(counts[:place]) for place in range(len(counts) + 1)]
    indices = pyarrow.array([0] * offsets[-1], pyarrow.int32())
    values = pyarrow.DictionaryArray.from_arrays(indices, [text])
    return pyarrow.ListArray.from_arrays(pyarrow.array(offsets, pyarrow.int32()), values)


def test_a_text_that_many_values_refer_to(tmp_path: Path) -> None:
    """Unpacked, these rows take 20 GB."""
    text = "a" * 10_000_000
    path = write(
        tmp_path / "t.parquet",
        {"id": [str(row) for row in range(22)], "words": repeated(text, [100] * 20 + [3, 0])},
    )
    assert path.stat().st_size < 10_000
    before = pyarrow.total_allocated_bytes()
    found = []
    for first, batch in read_foreign_batches(path, 256):
        found.append((first, batch and batch.num_rows))
        assert pyarrow.total_allocated_bytes() - before < 200 * 2**20
    assert found[:20] == [(row, None) for row in range(20)]
    assert found[20:] in ([(20, 2)], [(20, 1), (21, 1)])


def test_rows_are_divided_until_they_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", {"words": repeated("b" * 2**20, [10] * 16)})
    batches = list(read_foreign_batches(path, 256))
    assert [first for first, _ in batches] == sorted({first for first, _ in batches})
    assert sum(batch.num_rows for _, batch in batches) == 16
    assert max(batch.num_rows for _, batch in batches) < 4


def test_columns_that_unpack_too_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.parquet", {"text": ["a" * 10_000_000]})
    monkeypatch.setattr("livecc.files.foreign_parquet.most_unpacked", lambda size: 200 * size)
    with pytest.raises(ExpandsError, match="unpack to more than 200 times"):
        next(read_foreign_batches(path, 256))
