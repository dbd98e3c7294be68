"""Input lines of the pre-training track, checked.

A line is one JSON object `{"video", "subtitles": [[start_s, end_s, text], ...], "title",
"category"}`; other keys are ignored, a missing or null title or category is "". Only JSON of the
standard is read: a NaN, an infinite number or half of a surrogate pair makes a line unreadable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from livecc.files import MAX_LINE_BYTES

# Beyond this many seconds sums of times overflow a double.
MAX_SECONDS = 1e300

_JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
_NUMBER_TYPES = ({float}, {int}, {int, float})


class BadRecordError(ValueError):
    """An input line that cannot be used; the message is the reason, for the videos table.

    `video` is the line's video id where it has a usable one.
    """

    def __init__(self, reason: str, video: str | None = None) -> None:
        super().__init__(reason)
        self.video = video


@dataclass(slots=True)
class CaptionRecord:
    """One video and its caption lines by column: `start[i]`, `end[i]` (seconds), `text[i]`.

    `caption_lines` counts the lines of the input; `misshapen` those of them left out of the
    columns because they are not [number, number, string].
    """

    video: str
    title: str
    category: str
    caption_lines: int = 0
    misshapen: int = 0
    start: Sequence[float] = field(default=())
    end: Sequence[float] = field(default=())
    text: Sequence[str] = field(default=())


def parse_record(line: bytes | None, *, keep_going: bool) -> CaptionRecord:
    """Check one input line; None stands for a line too long to be read.

    A caption line that is not [number, number, string] is counted and left out if `keep_going`,
    otherwise it makes the whole line bad. Raises BadRecordError.
    """
    if line is None:
        raise BadRecordError(f"the line is longer than {MAX_LINE_BYTES} bytes")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadRecordError(f"not JSON: {error}") from None
    if type(value) is not dict:
        raise BadRecordError(f"the line is {_JSON_NAMES[type(value)]}, not a JSON object")
    if "video" not in value:
        raise BadRecordError('the key "video" is missing')
    video = value["video"]
    if type(video) is not str:
        raise BadRecordError(f'"video" is {_JSON_NAMES[type(video)]}, not a string')
    if not video.strip():
        raise BadRecordError('"video" is empty')
    if "subtitles" not in value:
        raise BadRecordError('the key "subtitles" is missing', video)
    subtitles = value["subtitles"]
    if type(subtitles) is not list:
        raise BadRecordError(f'"subtitles" is {_JSON_NAMES[type(subtitles)]}, not a list', video)
    record = CaptionRecord(
        video,
        _optional_string(value, "title", video),
        _optional_string(value, "category", video),
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
    return record


def _fill_columns(record: CaptionRecord, subtitles: list[Any]) -> bool:
    """Set the columns of `record` if every caption is well shaped, and say so."""
    if not subtitles:
        return True
    # A dict or a string of three would unpack too, but into strings, which are no times.
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
        return f"{_JSON_NAMES[type(caption)]}, not a list [start, end, text]"
    if len(caption) != 3:
        return f"{len(caption)} items, not [start, end, text]"
    for name, value in zip(("start", "end"), caption, strict=False):
        if type(value) not in (int, float):
            return f"its {name} is {_JSON_NAMES[type(value)]}, not a number"
    if type(caption[2]) is not str:
        return f"its text is {_JSON_NAMES[type(caption[2])]}, not a string"
    return None


def _optional_string(record: dict[str, Any], key: str, video: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecordError(f'"{key}" is {_JSON_NAMES[type(value)]}, not a string', video)
    return value
