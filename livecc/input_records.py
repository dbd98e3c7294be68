"""What every input line must be, whichever track it belongs to: a JSON object that names a video.

Only JSON of the standard is read: a NaN, an infinite number or half of a surrogate pair makes a
line unreadable.
"""

from __future__ import annotations

from typing import Any

import orjson

from livecc.files import MAX_LINE_BYTES

JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


class BadRecordError(ValueError):
    """An input line that cannot be used; the message is the reason, for the table of its track.

    `video` is the line's video id where it has a usable one.
    """

    def __init__(self, reason: str, video: str | None = None) -> None:
        super().__init__(reason)
        self.video = video


def parse_object(line: bytes | None) -> tuple[dict[str, Any], str]:
    """The object on an input line and its video id; None stands for a line too long to be read.

    Raises BadRecordError.
    """
    if line is None:
        raise BadRecordError(f"the line is longer than {MAX_LINE_BYTES} bytes")
    try:
        # Some editors begin a file with a byte order mark.
        value = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        reason = "it is not UTF-8" if not _is_utf8(line) else error
        raise BadRecordError(f"not JSON: {reason}") from None
    if type(value) is not dict:
        raise BadRecordError(f"the line is {JSON_NAMES[type(value)]}, not a JSON object")
    if "video" not in value:
        raise BadRecordError('the key "video" is missing')
    video = value["video"]
    if type(video) is not str:
        raise BadRecordError(f'"video" is {JSON_NAMES[type(video)]}, not a string')
    if not video.strip():
        raise BadRecordError('"video" is empty')
    if "\0" in video:
        raise BadRecordError('"video" has a NUL character in it, which no file name can have')
    return value, video


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def optional_string(record: dict[str, Any], key: str, video: str) -> str:
    """The text at `key`; missing and null are "". Raises BadRecordError for anything else."""
    value = record.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecordError(f'"{key}" is {JSON_NAMES[type(value)]}, not a string', video)
    return value
