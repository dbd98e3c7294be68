"""The declared schema of every Parquet table (docs/data-formats.md describes the columns)."""

from __future__ import annotations

from functools import cache
from typing import Any

# Columns that every score table carries after its item id: `status` is ok or failed.
STATUS = (("status", "string"), ("reason", "string"))
# Columns that the decisions of both tracks have.
_DECISION = (
    ("clip", "string"),
    ("video", "string"),
    ("seconds", "float64"),
    ("kept", "bool"),
    ("rule", "string"),
    ("why", "string"),
    ("words_per_second", "float64"),
    ("language", "string"),
    ("language_confidence", "float64"),
    ("lm_loss", "float64"),
)

_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    # One row per input line of the SFT track; `ok` records are transcribed.
    "records": (
        ("line", "int64"),
        ("video", "string"),
        ("title", "string"),
        ("category", "string"),
        *STATUS,
    ),
    # One row per input line, broken ones included: of the SFT track ...
    "transcribed_videos": (
        ("line", "int64"),
        ("video", "string"),
        ("category", "string"),
        *STATUS,
        ("language", "string"),
        ("words", "int32"),
        ("dropped_words", "int32"),
        ("clips", "int32"),
        ("short_spans", "int32"),
        ("seconds", "float64"),
    ),
    # ... and of the pre-training track.
    "videos": (
        ("line", "int64"),
        ("video", "string"),
        *STATUS,
        ("caption_lines", "int32"),
        ("skipped_lines", "int32"),
        ("skipped_reasons", "string"),
        ("words", "int32"),
        ("clips", "int32"),
        ("short_spans", "int32"),
        ("seconds", "float64"),
    ),
    "clips": (
        ("clip", "string"),
        ("video", "string"),
        ("first_word", "int32"),
        ("last_word", "int32"),
        ("start", "float64"),
        ("end", "float64"),
        ("words_per_second", "float64"),
        *STATUS,
    ),
    "identify_language": (
        ("clip", "string"),
        *STATUS,
        ("language", "string"),
        ("language_confidence", "float64"),
    ),
    "score_lm_loss": (
        ("clip", "string"),
        *STATUS,
        ("lm_loss", "float64"),
        ("tokens", "int32"),
        ("prompt_tokens", "int32"),
        ("dropped_context_words", "int32"),
    ),
    "score_active_speaker": (
        ("clip", "string"),
        *STATUS,
        ("active_speaker", "float64"),
        ("tracks", "int32"),
        ("frames", "int32"),
        ("seconds", "float64"),
    ),
    "make_prompts": (
        ("clip", "string"),
        *STATUS,
        ("answer", "string"),
        ("query", "string"),
        ("engine", "string"),
        ("input_tokens", "int32"),
        ("output_tokens", "int32"),
    ),
    "score_talking_head": (
        ("video", "string"),
        *STATUS,
        ("talking_head", "float64"),
        ("frames", "int32"),
    ),
    # Clips that a change of thresholds lets enter or leave a selection; scores of both tracks.
    "what_if": (
        ("change", "string"),
        ("shard", "string"),
        ("clip", "string"),
        ("video", "string"),
        ("start", "float64"),
        ("end", "float64"),
        ("rule", "string"),
        ("why", "string"),
        ("words_per_second", "float64"),
        ("language", "string"),
        ("language_confidence", "float64"),
        ("lm_loss", "float64"),
        ("talking_head", "float64"),
        ("active_speaker", "float64"),
        ("answer", "string"),
        ("text", "string"),
    ),
    "pretrain_decisions": (
        *_DECISION,
        ("talking_head", "float64"),
    ),
    "sft_decisions": (
        *_DECISION,
        ("active_speaker", "float64"),
        ("answer", "string"),
    ),
}


@cache
def schema(table: str) -> Any:
    """The `pyarrow.Schema` of a table."""
    import pyarrow

    types = {
        "string": pyarrow.string(),
        "int32": pyarrow.int32(),
        "int64": pyarrow.int64(),
        "float64": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    return pyarrow.schema([(name, types[kind]) for name, kind in _TABLES[table]])
