"""Checks of external scores before any job starts; reads only the head of each table."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from livecc.declaration import NAME, STATUS
from livecc.errors import LiveccError
from livecc.formats.tables import DECISION, WHAT_IF, schema
from livecc.stages.external_scores.declaration import ExternalScore
from livecc.stages.external_scores.table import SUFFIXES, head, is_csv
from livecc.terminal import nearest
from livecc.thresholds.sets import LENIENCE, TOP

SECTION = "external_scores"
#: Rules of the workflow that do not belong to a stage.
_RULES = (
    *("all", "fetch_model", "fetch_models", "list_shards", "summarize", "report", "plan"),
    *("import_scores", "take_videos", "copy_taken_lines"),
)
#: Other reserved names, used next to those of rules and columns.
_WORDS = (*LENIENCE, TOP, "key", "score", "text", "duplicates", SECTION)
_SHOWN_COLUMNS = 20


def name_problems(external: Mapping[Any, Any], taken: Mapping[str, str]) -> Iterator[str]:
    """Invalid names in the section; `taken` maps reserved names to their owners."""
    for name in external:
        place = f"{SECTION}.{name}"
        if not isinstance(name, str) or not NAME.fullmatch(name) or keyword.iskeyword(name):
            yield (
                f"{place}: score names are column names: only lower-case letters, digits and _, "
                "starting with a letter, and not a Python keyword"
            )
        elif name in taken:
            yield f"{place}: the name is already used by {taken[name]}; choose another one"


@cache
def section_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration that has only this section."""
    _, components = msgspec.json.schema_components([ExternalScore], ref_template="#/$defs/{name}")
    scores = {"type": "object", "additionalProperties": {"$ref": "#/$defs/ExternalScore"}}
    return {"type": "object", "properties": {SECTION: scores}, "$defs": components}


def taken_names(stages: Iterable[Any], sections: Iterable[str]) -> dict[str, str]:
    """Reserved name -> what uses it.

    `stages` are all other stages, `sections` the names of the configuration's sections.
    """
    taken = dict.fromkeys(_WORDS, "the workflow")
    taken |= dict.fromkeys((*schema("clips").names, *STATUS, *DECISION, *WHAT_IF), "a column")
    taken |= dict.fromkeys(_RULES, "a rule of the workflow")
    taken |= {name: f"the section {name} of the configuration" for name in sections}
    for stage in stages:
        columns = [*getattr(stage, "columns", ()), *(r.name for r in getattr(stage, "rules", ()))]
        taken |= dict.fromkeys(columns, f"a column or threshold of {stage.name}")
    return taken | {stage.name: "a stage" for stage in stages}


def track_problems(external: Mapping[str, Any], tracks: Iterable[str]) -> Iterator[str]:
    """Tracks that a well-formed section names and the workflow does not have."""
    known = list(tracks)
    for name, told in external.items():
        for track in told.get("tracks") or ():
            if track not in known:
                yield (
                    f"{SECTION}.{name}.tracks: there is no track {track!r}{nearest(track, known)}; "
                    f"allowed: {', '.join(known)}"
                )


def table_problems(external: Mapping[str, Any]) -> Iterator[str]:
    """Errors in the tables of a well-formed section."""
    for name, told in external.items():
        yield from _problems(f"{SECTION}.{name}", msgspec.convert(told, ExternalScore))


def _problems(place: str, score: ExternalScore) -> Iterator[str]:
    path = score.path
    if any(sign in score.table for sign in "{}\n"):
        yield f"{place}.table: {score.table!r} must not contain braces or line breaks"
    elif not path.name.endswith(SUFFIXES):
        yield f"{place}.table: {score.table!r} is not allowed; it must end in {', '.join(SUFFIXES)}"
    elif path.is_dir():
        yield f"{place}.table: {score.table!r} is a folder; give one file"
    elif not path.exists():
        yield f"{place}.table: {score.table!r} does not exist{_near_file(path)}"
    else:
        try:
            columns = head(path)
        except LiveccError as error:
            yield f"{place}.table: {error}"
            return
        yield from _column_problems(place, score, columns)


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"; neither does the folder {path.parent}"
    return nearest(path.name, sorted(entry.name for entry in path.parent.iterdir()))


def _column_problems(place: str, score: ExternalScore, columns: Any) -> Iterator[str]:
    key_option = "key_column" if score.key_column else "key"
    for option, column in ((key_option, score.keys), ("column", score.column)):
        there = columns.names.count(column)
        if there == 0:
            say = "" if option != "key" else "; set key_column to the column with the keys"
            yield (
                f"{place}.{option}: {score.table} has no column {column!r}"
                f"{nearest(column, columns.names)}; it has {_listed(columns.names)}{say}"
            )
        elif there > 1:
            yield f"{place}.{option}: {score.table} has {there} columns {column!r}; rename one"
        elif option == "column":
            yield from _score_problems(place, score, columns.field(column).type)
        elif not is_csv(score.path) and not _is_key(columns.field(column).type):
            yield (
                f"{place}.{option}: column {column} of {score.table} holds "
                f"{columns.field(column).type}; keys must be strings or integers"
            )


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN_COLUMNS
    shown = ", ".join(names[:_SHOWN_COLUMNS])
    return f"{shown} and {more:,} more" if more > 0 else shown


def _score_problems(place: str, score: ExternalScore, kind: Any) -> Iterator[str]:
    import pyarrow.types as types

    labels = score.kind == "labels"
    fits = _is_text(kind) or is_csv(score.path) if labels else _is_number(kind)
    # A column that starts with empty cells has no type yet.
    if fits or types.is_null(kind):
        return
    wanted = "strings" if labels else "numbers"
    other = _is_number(kind) if labels else _is_text(kind)
    hint = f" (is it meant to be kind: {'band' if labels else 'labels'}?)" if other else ""
    yield (
        f"{place}.column: column {score.column} of {score.table} holds {kind}; "
        f"kind: {score.kind} requires {wanted}{hint}"
    )


def _is_text(kind: Any) -> bool:
    import pyarrow.types as types

    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_number(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _is_key(kind: Any) -> bool:
    import pyarrow.types as types

    return _is_text(kind) or bool(types.is_integer(kind))
