"""`samples.parquet`: one typed row a sample, in the order of the merged file.

Written row group by row group, each of a bounded number of bytes of samples: what was said before a
clip may be long.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from livecc.exports.release import Release
from livecc.exports.scored_samples import ScoredSample, scored_samples
from livecc.files.atomic import atomic_path
from livecc.files.json_values import parse_lenient
from livecc.formats.tables import arrow_schema

#: Samples of a row group: at most so many, or so many bytes of JSON.
MOST_ROWS = 8_192
MOST_BYTES = 32 * 2**20
#: Columns before those of scores.
SAMPLE_COLUMNS = {
    "id": "string",
    "video": "string",
    "video_start": "float64",
    "video_end": "float64",
    "title": "string",
    "category": "string",
    "query": "string",
    "previous": "string",
}
WORDS = "words"
SPLIT = "split"


def columns_of(release: Release) -> dict[str, str]:
    """Column of the scores -> its type; a score with the name of another column gets a prefix."""
    taken = {*SAMPLE_COLUMNS, WORDS, SPLIT}
    columns: dict[str, str] = {}
    for name, kind in release.score_columns.items():
        columns[f"score_{name}" if name in taken else name] = kind
    return columns


def schema_of(release: Release) -> Any:
    """The `pyarrow.Schema`: the sample, its words with their times, its scores, its split."""
    import pyarrow

    words = pyarrow.list_(pyarrow.struct(arrow_schema(_WORD)))
    fields = [
        *arrow_schema(SAMPLE_COLUMNS),
        pyarrow.field(WORDS, words),
        *arrow_schema(columns_of(release)),
        pyarrow.field(SPLIT, pyarrow.string()),
    ]
    return pyarrow.schema(fields)


_WORD = {"word": "string", "start": "float64", "end": "float64"}


def write(
    release: Release, files: Mapping[str, Path], _options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Write a table for each split; returns samples and bytes in memory (Arrow's) of each.

    Raises LiveccError when the files of the results are not of one run.
    """
    schema = schema_of(release)
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(_Writer(path, schema, split))
            for split, path in files.items()
        }
        for sample in scored_samples(release, files["train"]):
            writers[sample.split].add(sample)
        for writer in writers.values():
            writer.flush()
    return {
        split: {"samples": writer.rows, "bytes_in_memory": writer.bytes_in_memory}
        for split, writer in writers.items()
    }


class _Writer:
    """Writes the samples of one split; a context manager.

    What was added since the last `flush` is not written by leaving it.
    """

    def __init__(self, path: Path, schema: Any, split: str) -> None:
        self.rows = 0
        self.bytes_in_memory = 0
        self._path = path
        self._schema = schema
        self._split = split
        self._group = _RowGroup()

    def __enter__(self) -> _Writer:
        import pyarrow.parquet

        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._writer = stack.enter_context(
                pyarrow.parquet.ParquetWriter(
                    temporary,
                    self._schema,
                    compression="zstd",
                    # Texts that hardly repeat: their dictionaries and bounds are of no use.
                    use_dictionary=["video", "title", "category", "words.list.element.word"],
                    write_statistics=[
                        one.name
                        for one in self._schema
                        if one.name not in ("query", "previous", "title", WORDS)
                    ],
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def add(self, sample: ScoredSample) -> None:
        group = self._group
        group.add(sample)
        if len(group.scores) >= MOST_ROWS or group.bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the samples of now as a row group."""
        if self._group.scores:
            table = self._group.table(self._schema, self._split)
            self._writer.write_table(table, row_group_size=table.num_rows)
            self.rows += table.num_rows
            self.bytes_in_memory += table.nbytes
        self._group = _RowGroup()


class _RowGroup:
    """The columns of some samples."""

    def __init__(self) -> None:
        self.bytes = 0
        self.samples: list[tuple[Any, ...]] = []
        self.scores: list[list[Any]] = []
        # The words of all samples, one after the other.
        self.words: list[str] = []
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.offsets = [0]

    def add(self, sample: ScoredSample) -> None:
        values, words = _parsed(sample.line)
        self.samples.append((sample.clip, *values))
        self.scores.append(sample.scores)
        for start, end, word in words:
            self.starts.append(start)
            self.ends.append(end)
            self.words.append(word)
        self.offsets.append(len(self.words))
        self.bytes += len(sample.line)

    def table(self, schema: Any, split: str) -> Any:
        import pyarrow

        words = pyarrow.StructArray.from_arrays(
            [
                pyarrow.array(self.words, pyarrow.string()),
                pyarrow.array(self.starts, pyarrow.float64()),
                pyarrow.array(self.ends, pyarrow.float64()),
            ],
            fields=list(schema.field(WORDS).type.value_type),
        )
        offsets = pyarrow.array(self.offsets, pyarrow.int32())
        made: list[Any] = [
            *zip(*self.samples, strict=True),
            pyarrow.ListArray.from_arrays(offsets, words, type=schema.field(WORDS).type),
            *zip(*self.scores, strict=True),
            [split] * len(self.scores),
        ]
        return pyarrow.table(made, schema=schema)


def _parsed(line: bytes) -> tuple[tuple[Any, ...], list[list[Any]]]:
    """The values of SAMPLE_COLUMNS after the id, and the words."""
    try:
        sample = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Halves of surrogate pairs, which Python's JSON has and Parquet cannot have.
        sample = _without_surrogates(parse_lenient(line))
    video, query = sample[0]["content"]
    values = (
        video["video"],
        video["video_start"],
        video["video_end"],
        query["title"],
        # Samples in the form of the published pre-training set have none.
        query.get("category"),
        query["text"],
        query["previous"],
    )
    return values, sample[1]["content"][0]["text_stream"]


def _without_surrogates(value: Any) -> Any:
    """JSON with U+FFFD for each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_without_surrogates(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_surrogates(one) for name, one in value.items()}
    return value
