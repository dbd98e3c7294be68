"""The schema of every Parquet table without scores (docs/data-formats.md describes the columns).

Tables of scores have the columns that their stage declares (livecc.declaration).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

# Columns of tables whose rows may be failed.
STATUS = (("status", "string"), ("reason", "string"))
# Columns of the decisions of every track, before those that rules use.
DECISION = {
    "clip": "string",
    "video": "string",
    "seconds": "float64",
    "kept": "bool",
    "rule": "string",
    "why": "string",
}
# Columns of a what-if's clips, around those that rules use.
WHAT_IF = {
    "change": "string",
    "shard": "string",
    "clip": "string",
    "video": "string",
    "start": "float64",
    "end": "float64",
    "rule": "string",
    "why": "string",
}

_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    # One row per input line of the SFT track; `ok` records are transcribed.
    "records": (
        ("line", "int64"),
        ("video", "string"),
        ("title", "string"),
        ("category", "string"),
        *STATUS,
    ),
    # One row per input line, unusable ones included: of the SFT track ...
    "transcribed_videos": (
        ("line", "int64"),
        ("video", "string"),
        ("category", "string"),
        *STATUS,
        ("language", "string"),
        ("words", "int32"),
        ("dropped_words", "int32"),
        ("cleaned", "string"),
        ("clips", "int32"),
        ("short_spans", "int32"),
        ("seconds", "float64"),
        ("unclipped_seconds", "float64"),
    ),
    # ... and of the pre-training track.
    "videos": (
        ("line", "int64"),
        ("video", "string"),
        *STATUS,
        ("caption_lines", "int32"),
        ("skipped_lines", "int32"),
        ("skipped_reasons", "string"),
        ("cleaned", "string"),
        ("words", "int32"),
        ("clips", "int32"),
        ("short_spans", "int32"),
        ("seconds", "float64"),
        ("unclipped_seconds", "float64"),
    ),
    # What a source holds for a shard and leaves out, with its reason.
    "left_out": (
        ("source", "string"),
        ("path", "string"),
        ("id", "string"),
        ("reason", "string"),
    ),
    "clips": (
        ("clip", "string"),
        ("video", "string"),
        ("first_word", "int32"),
        ("last_word", "int32"),
        ("start", "float64"),
        ("end", "float64"),
        ("video_start", "float64"),
        ("video_end", "float64"),
        ("words_per_second", "float64"),
        ("unit", "string"),
        *STATUS,
    ),
}


@cache
def schema(table: str) -> Any:
    """The `pyarrow.Schema` of a table without scores."""
    return arrow_schema(dict(_TABLES[table]))


def arrow_schema(columns: Mapping[str, str]) -> Any:
    """The `pyarrow.Schema` of columns: name -> string, int32, int64, float64 or bool."""
    import pyarrow

    types = {
        "string": pyarrow.string(),
        "int32": pyarrow.int32(),
        "int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
