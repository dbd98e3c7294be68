"""Requirements on input lines of both tracks: a JSON object that names a video.

Only standard JSON is accepted: NaN, infinity or a lone surrogate makes a line unreadable.
"""

from __future__ import annotations

from typing import Any

import orjson

from livecc.files.limits import (
    MAX_INPUT_LINE_BYTES,
    MAX_LABEL_CHARACTERS,
    MAX_PATH_BYTES,
    MAX_SPOKEN_CHARACTERS,
)
from livecc.formats.video_paths import Outside, control_character, refusal

JSON_NAMES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}


TOO_LONG = f"the line is longer than {MAX_INPUT_LINE_BYTES // 2**20} MiB"
# What releases of orjson say of JSON with more than 1024 levels.
_TOO_DEEP = ("depth limit", "recursion limit")


class BadRecordError(ValueError):
    """An unusable input line; the message is the reason stored in the track's table.

    `video` is the line's video id if it has a usable one.
    """

    def __init__(self, reason: str, video: str | None = None) -> None:
        super().__init__(reason)
        self.video = video


def parse_object(line: bytes | None) -> tuple[dict[str, Any], str]:
    """The object on an input line and its video id; a line of None was too long to read.

    Raises BadRecordError.
    """
    if line is None:
        raise BadRecordError(TOO_LONG)
    try:
        # Some editors write a byte order mark.
        value = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        if any(words in str(error).lower() for words in _TOO_DEEP):
            raise BadRecordError("its JSON is nested too deeply") from None
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
    if len(video) > MAX_PATH_BYTES or len(video.encode()) > MAX_PATH_BYTES:
        raise BadRecordError(f'"video" is longer than {MAX_PATH_BYTES} bytes, as no path is')
    held = control_character(video)
    if held:
        # No video id in this case: tables are read on terminals, too.
        raise BadRecordError(f'"video" {held}')
    return value, video


def check_path(video: str, outside: Outside) -> None:
    """Raise BadRecordError for a video that must not be opened; see `video_paths.refusal`."""
    reason = refusal(video, outside)
    if reason:
        raise BadRecordError(f'"video" {reason}', video)


def check_problem(record: dict[str, Any], video: str) -> None:
    """Raise BadRecordError if a source says that it could not read the captions of a video."""
    problem = record.get("problem")
    if type(problem) is str and problem:
        raise BadRecordError(problem[:MAX_LABEL_CHARACTERS], video)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def optional_string(record: dict[str, Any], key: str, video: str) -> str:
    """The string at `key`; "" when missing or null.

    Raises BadRecordError for anything else, and for a string that is no title but a text.
    """
    value = record.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecordError(f'"{key}" is {JSON_NAMES[type(value)]}, not a string', video)
    if len(value) > MAX_LABEL_CHARACTERS:
        raise BadRecordError(f'"{key}" is longer than {MAX_LABEL_CHARACTERS:,} characters', video)
    return value


def check_spoken(characters: int, key: str, video: str) -> None:
    """Raise BadRecordError if the captions or words of a video are longer than speech can be."""
    if characters > MAX_SPOKEN_CHARACTERS:
        raise BadRecordError(
            f'the texts in "{key}" are longer than {MAX_SPOKEN_CHARACTERS:,} characters', video
        )
