"""Facts about videos in a file of their own, joined by id: lines of `yt-dlp -j`, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from livecc.files.lines import JSON_LINES_SUFFIXES, BrokenFileError, read_lines
from livecc.formats.input_lines import TOO_LONG
from livecc.sources.facts import facts_of
from livecc.sources.registry import Bad, Entry, FactsOf

METADATA_SUFFIXES = (*JSON_LINES_SUFFIXES, ".json", ".csv", ".csv.gz", ".parquet")


def read_metadata(path: Path) -> Iterator[Entry]:
    """The facts in a file; its suffix says what it is."""
    numbered = read_lines(path)
    number = 0
    while True:
        try:
            number, line = next(numbered)
        except StopIteration:
            return
        except BrokenFileError as error:
            yield Bad(f"line {number + 1}", str(error))
            return
        if line is None:
            yield Bad(f"line {number}", TOO_LONG)
            continue
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Bad(f"line {number}", f"not JSON: {error}")
            continue
        if type(value) is not dict or type(value.get("id")) is not str:
            yield Bad(f"line {number}", 'no JSON object with a text under "id"')
            continue
        yield FactsOf(value["id"], facts_of(value))
