"""B1: filter the input lines of the SFT track by category.

An input line is `{"video", "title", "category"}`; other keys are ignored. Every line gets a row in
the table "records": `ok`, `dropped` (its category is not wanted) or `failed` (it is unusable). A
seek index, which is the last line of the original's files, is not a record and gets no row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from livecc.captions.titles import clean_title
from livecc.files.lines import BrokenFileError, read_lines
from livecc.files.parquet import TableWriter
from livecc.formats.input_lines import (
    BadRecordError,
    check_path,
    optional_string,
    parse_object,
)
from livecc.formats.tables import schema
from livecc.formats.video_paths import Outside

NO_CATEGORY = "(none)"


def filter_categories(
    lines: Iterable[tuple[int, bytes | None]],
    categories: Collection[str] | None,
    mode: str = "default",
    outside: Outside = "none",
) -> Iterator[dict[str, Any]]:
    """A row of "records" for every non-blank (line number, line), in order.

    `categories` are those wanted; None is all. Mode "default" cleans titles and categories.
    Video ids must be unique; a repeated one fails, and so does one that leads out of the folder of
    the videos in a way that `outside` does not allow. When `lines` raises BrokenFileError, a last
    row with status failed reports it.
    """
    first_line: dict[str, int] = {}
    held: tuple[int, bytes] | None = None
    number = 0
    numbered = iter(lines)

    def record(number: int, line: bytes | None) -> dict[str, Any]:
        return _record(number, line, first_line, categories, mode, outside)

    while True:
        try:
            number, line = next(numbered)
        except StopIteration:
            return
        except BrokenFileError as error:
            if held is not None:
                yield record(*held)
            yield _row(number + 1, status="failed", reason=str(error))
            return
        if line is not None and not line.strip():
            continue
        # A list of numbers is a seek index if it turns out to be the last line.
        if held is not None:
            yield record(*held)
            held = None
        if line is not None and _is_seek_index(line):
            held = number, line
        else:
            yield record(number, line)


def _is_seek_index(line: bytes) -> bool:
    if not line.lstrip().startswith(b"["):
        return False
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return all(type(offset) is int for offset in value)


def _record(
    number: int,
    line: bytes | None,
    first_line: dict[str, int],
    categories: Collection[str] | None,
    mode: str,
    outside: Outside,
) -> dict[str, Any]:
    try:
        value, video = parse_object(line)
        check_path(video, outside)
        texts = {key: optional_string(value, key, video) for key in ("title", "category")}
    except BadRecordError as error:
        return _row(number, video=error.video, status="failed", reason=str(error))
    if mode == "default":
        texts = {key: clean_title(text) for key, text in texts.items()}
    first = first_line.setdefault(video, number)
    if first != number:
        reason = f"the video id is already on line {first}"
        return _row(number, video=video, **texts, status="failed", reason=reason)
    if categories is not None and texts["category"] not in categories:
        named = texts["category"] or "no category"
        return _row(number, video=video, **texts, status="dropped", reason=f"category: {named}")
    return _row(number, video=video, **texts, status="ok", reason="")


def _row(line: int, **columns: Any) -> dict[str, Any]:
    return {"line": line, **columns}


def run(
    input: Path | str,
    output: Path | str,
    categories: Collection[str] | None,
    mode: str = "default",
    outside: Outside = "none",
) -> dict[str, Any]:
    """Write the table "records" of a shard atomically.

    Returns counts: `lines`, `records` (ok), `dropped_records`, `failed_records`, and per category
    `categories` (all readable lines), `kept_categories` and `missing_categories` (0 for each wanted
    category that does not occur). Raises LiveccError when the input cannot be opened.
    """
    status: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    with TableWriter(output, schema("records")) as table:
        for row in filter_categories(read_lines(input), categories, mode, outside):
            table.write(row)
            status[row["status"]] += 1
            if row.get("category") is not None:
                category = row["category"] or NO_CATEGORY
                seen[category] += 1
                kept[category] += row["status"] == "ok"
    return {
        "lines": status.total(),
        "records": status["ok"],
        "dropped_records": status["dropped"],
        "failed_records": status["failed"],
        "categories": dict(sorted(seen.items())),
        "kept_categories": {name: n for name, n in sorted(kept.items()) if n},
        "missing_categories": dict.fromkeys(sorted(set(categories or ()) - seen.keys()), 0),
    }
