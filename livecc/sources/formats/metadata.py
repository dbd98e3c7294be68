"""Facts about videos in a file of their own, joined by id: lines of `yt-dlp -j`, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livecc.files.lines import JSON_LINES_SUFFIXES
from livecc.sources.facts import facts_of, id_of
from livecc.sources.formats.table import facts_of_row
from livecc.sources.json_entries import objects_of_lines
from livecc.sources.options import Columns
from livecc.sources.registry import Bad, Entry, FactsOf
from livecc.sources.rows import TABLE_SUFFIXES, rows_of

METADATA_SUFFIXES = (*JSON_LINES_SUFFIXES, ".json", *TABLE_SUFFIXES)


def read_metadata(path: Path) -> Iterator[Entry]:
    """The facts in a file; its suffix says what it is."""
    if path.name.endswith(TABLE_SUFFIXES):
        for found in rows_of(path):
            if isinstance(found, Bad):
                yield found
                continue
            number, row = found
            name = row.get("id") or row.get("video_id")
            if type(name) is not str:
                yield Bad(f"row {number}", 'no text in a column "id" or "video_id"')
                continue
            category = "category" if row.get("category") is not None else "categories"
            yield FactsOf(name, facts_of_row(row, Columns(category=category)))
        return
    for entry in objects_of_lines(path):
        if isinstance(entry, Bad):
            yield entry
            continue
        number, value = entry
        name = id_of(value)
        if name is None:
            yield Bad(f"line {number}", "there is no id")
        else:
            yield FactsOf(name, facts_of(value))
