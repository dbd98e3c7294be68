"""Parsing and validation of the pre-training track's input lines.

A line is one JSON object `{"video", "subtitles": [[start_s, end_s, text], ...], "title",
"category"}`. A `"problem"`, which sources write where captions cannot be read, makes the line
unusable. Other keys are ignored; a missing or null title or category becomes "".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from livecc.files.limits import MAX_SPOKEN_CHARACTERS
from livecc.formats.input_lines import (
    JSON_NAMES,
    BadRecordError,
    check_path,
    check_problem,
    check_spoken,
    optional_string,
    parse_object,
)
from livecc.formats.video_paths import Outside
from livecc.terminal import count

# Above this many seconds, sums of times may overflow a double.
MAX_SECONDS = 1e300

_NUMBER_TYPES = ({float}, {int}, {int, float})


@dataclass(slots=True)
class CaptionRecord:
    """One video and its caption lines by column: `start[i]`, `end[i]` (seconds), `text[i]`.

    `caption_lines` counts the caption lines of the input; `misshapen` counts those left out because
    they are not [number, number, string].
    """

    video: str
    title: str
    category: str
    caption_lines: int = 0
    misshapen: int = 0
    start: Sequence[float] = field(default=())
    end: Sequence[float] = field(default=())
    text: Sequence[str] = field(default=())


def parse_record(
    line: bytes | None, *, keep_going: bool, outside: Outside = "none"
) -> CaptionRecord:
    """Validate one input line; None stands for a line too long to be read.

    `outside`: which videos outside of their folder it may name.
    A caption line that is not [number, number, string] is counted and left out with `keep_going`;
    otherwise the whole input line is invalid. Raises BadRecordError.
    """
    value, video = parse_object(line)
    check_path(video, outside)
    check_problem(value, video)
    if "subtitles" not in value:
        raise BadRecordError('the key "subtitles" is missing', video)
    subtitles = value["subtitles"]
    if type(subtitles) is not list:
        raise BadRecordError(f'"subtitles" is {JSON_NAMES[type(subtitles)]}, not a list', video)
    record = CaptionRecord(
        video,
        optional_string(value, "title", video),
        optional_string(value, "category", video),
        caption_lines=len(subtitles),
    )
    if not _fill_columns(record, subtitles):
        good = []
        for index, caption in enumerate(subtitles):
            fault = _caption_fault(caption)
            if fault is None:
                good.append(caption)
            elif not keep_going:
                raise BadRecordError(f'"subtitles", caption {index} (from 0): {fault}', video)
        record.misshapen = len(subtitles) - len(good)
        _fill_columns(record, good)
    # Shorter lines cannot hold so many.
    if line is not None and len(line) > MAX_SPOKEN_CHARACTERS:
        check_spoken(sum(map(len, record.text)), "subtitles", video)
    return record


def _fill_columns(record: CaptionRecord, subtitles: list[Any]) -> bool:
    """Set the columns of `record` if every caption has the right shape; returns whether it has."""
    if not subtitles:
        return True
    # A dict or string of length three also unpacks, but into strings, which are not times.
    try:
        start, end, text = zip(*subtitles, strict=True)
    except (TypeError, ValueError):
        return False
    if (
        set(map(type, text)) != {str}
        or set(map(type, start)) not in _NUMBER_TYPES
        or set(map(type, end)) not in _NUMBER_TYPES
    ):
        return False
    record.start, record.end, record.text = start, end, text
    return True


def _caption_fault(caption: Any) -> str | None:
    if type(caption) is not list:
        return f"{JSON_NAMES[type(caption)]}, not a list [start, end, text]"
    if len(caption) != 3:
        return f"{count(len(caption), 'item')}, not [start, end, text]"
    for name, value in zip(("start", "end"), caption, strict=False):
        if type(value) not in (int, float):
            return f"its {name} is {JSON_NAMES[type(value)]}, not a number"
    if type(caption[2]) is not str:
        return f"its text is {JSON_NAMES[type(caption[2])]}, not a string"
    return None
