"""CSV or Parquet, one row per video, with columns that the options name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import orjson

from livecc.errors import LiveccError
from livecc.sources.options import Columns, Table
from livecc.sources.parallel import lines_of
from livecc.sources.record import (
    CAPTION_KINDS,
    Facts,
    Timed,
    UnreadableError,
    Video,
    category_of,
    date_of,
    fact_of,
    height_of,
    language_of,
    number_of,
    path_of,
    text_of,
)
from livecc.sources.registry import Bad, Entry, WeakVideo
from livecc.sources.rows import TABLE_SUFFIXES, names_of, rows_of
from livecc.terminal import nearest

SUFFIXES = TABLE_SUFFIXES
_SHOWN_COLUMNS = 20
NO_CAPTIONS = "no captions: the table has no column of them, or nothing in it"


def read_dump(path: Path, part: Table) -> Iterator[Entry]:
    """The videos of a table."""
    columns = part.columns
    _check_columns(path, columns)
    for found in rows_of(path):
        if isinstance(found, Bad):
            yield found
            continue
        number, row = found
        name = row.get(columns.id)
        if type(name) is not str or not name:
            there = "" if columns.id in row else f"; there is no column {columns.id!r}"
            yield Bad(f"row {number}", f"it has no id{there}")
            continue
        named = columns.video and row.get(columns.video)
        video = Video(name, text_of(named) or path_of(part.video, name), facts_of_row(row, columns))
        try:
            video.subtitles = _captions(row, columns)
        except UnreadableError as error:
            video.problem = str(error)
        if video.subtitles is None and video.problem is None:
            video.problem = NO_CAPTIONS
            yield WeakVideo(video)
        else:
            yield video


def _check_columns(path: Path, columns: Columns) -> None:
    """Raise LiveccError for a column that the options name and the table does not have.

    A name that is the default asks for nothing: most tables lack some of them.
    """
    try:
        names = names_of(path)
    except LiveccError:
        # Its rows tell where it is broken.
        return
    named, usual = msgspec.to_builtins(columns), msgspec.to_builtins(Columns())
    for field, name in named.items():
        if name is not None and name != usual[field] and name not in names:
            there = ", ".join(names[:_SHOWN_COLUMNS]) or "none"
            raise LiveccError(
                f"{path}: has no column {name!r}, which columns.{field} names{nearest(name, names)}"
                f"; it has {there}"
            )


def facts_of_row(row: Mapping[str, Any], columns: Columns) -> Facts:
    """The facts in the columns of a row."""

    def value(name: str | None) -> Any:
        found: Any = None if name is None else row.get(name)
        return found.isoformat()[:10] if isinstance(found, date) else found

    kind = value(columns.captions)
    category = value(columns.category)
    if type(category) is str and category.startswith("["):
        category = _parsed(category) or category
    return Facts(
        title=text_of(value(columns.title)),
        category=category_of(category),
        about={
            "duration": number_of(value(columns.duration)),
            "height": height_of(value(columns.height)),
            "language": language_of(value(columns.language)),
            "caption_language": language_of(value(columns.caption_language)),
            "captions": kind if kind in CAPTION_KINDS else None,
            "live_status": fact_of(value(columns.live_status)),
            "upload_date": date_of(value(columns.upload_date)),
            "channel": fact_of(value(columns.channel)),
            "license": fact_of(value(columns.license)),
        },
    )


def _captions(row: Mapping[str, Any], columns: Columns) -> list[Timed] | None:
    """The captions of a row; None if it has none. Raises UnreadableError."""
    if columns.start is not None:
        names = columns.start, columns.end, columns.text
        starts, ends, texts = (_parsed(row.get(name or "")) for name in names)
        if starts is None and ends is None and texts is None:
            return None
        return lines_of(starts, ends, texts, f"{columns.start}, {columns.end} and {columns.text}")
    value = None if columns.subtitles is None else _parsed(row.get(columns.subtitles))
    if value is None:
        return None
    if not isinstance(value, list):
        raise UnreadableError(f"{columns.subtitles!r} is no list of [start, end, text]")
    entries = [_entry(one) for one in value]
    if not all(len(entry) == 3 for entry in entries):
        raise UnreadableError(f"an entry of {columns.subtitles!r} is not [start, end, text]")
    starts, ends, texts = ([entry[place] for entry in entries] for place in range(3))
    return lines_of(starts, ends, texts, "its captions")


def _entry(one: Any) -> Any:
    if isinstance(one, Mapping):
        return [one.get("start"), one.get("end"), one.get("text", one.get("word"))]
    return one if isinstance(one, list | tuple) else ()


def _parsed(value: Any) -> Any:
    """A value of a table, of which a text is JSON. Raises UnreadableError."""
    if type(value) is not str:
        return value
    if not value.strip():
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"its captions are no JSON: {error}") from None
