"""What the input line of a video tells of it: its id and the facts under "about".

All of it is written by others. A value of another type or beyond its limits is unknown, like one
that is missing; it never makes a line unusable.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from livecc.captions.titles import clean_title
from livecc.files.limits import MAX_LABEL_CHARACTERS, MAX_PATH_BYTES
from livecc.files.lines import BrokenFileError, read_lines
from livecc.sources.record import CAPTION_KINDS

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Pictures are no higher; the column has 32 bits.
_MOST_LINES = 2**20


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The facts of one input line; None is unknown.

    video_id: the id of the line, or without one the stem of its video's path. duration: seconds,
    by the metadata. height: picture lines, by the metadata. captions: one of CAPTION_KINDS.
    """

    video: str
    video_id: str
    title: str | None = None
    category: str | None = None
    duration: float | None = None
    height: int | None = None
    caption_language: str | None = None
    captions: str | None = None


class _Line(msgspec.Struct):
    """The keys that are looked at; captions, most of a line, are passed over."""

    video: Any = None
    id: Any = None
    title: Any = None
    category: Any = None
    about: Any = None


_DECODER = msgspec.json.Decoder(_Line)


def read_facts(lines: Path, mode: str = "default") -> Iterator[LineFacts]:
    """The facts of each line of an input file that names a video, in order.

    Unusable lines are passed over, and what follows the place where a file is broken: stages that
    make clips report both. Mode "default" cleans texts as those of samples. Raises LiveccError when
    the file cannot be opened.
    """
    numbered = read_lines(lines)
    while True:
        try:
            _, line = next(numbered)
        except (StopIteration, BrokenFileError):
            return
        found = facts_of(line, mode) if line is not None and line.strip() else None
        if found is not None:
            yield found


def facts_of(line: bytes, mode: str = "default") -> LineFacts | None:
    """The facts of one line; None if it names no video."""
    try:
        told = _DECODER.decode(line.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.DecodeError, RecursionError):
        return None
    video = _text(told.video, MAX_PATH_BYTES)
    if video is None:
        return None
    about = told.about if isinstance(told.about, dict) else {}

    def label(value: Any) -> str | None:
        text = _text(value, MAX_LABEL_CHARACTERS)
        return (text and (clean_title(text) if mode == "default" else text)) or None

    captions = about.get("captions")
    return LineFacts(
        video,
        _text(told.id, MAX_PATH_BYTES) or PurePosixPath(video).stem,
        label(told.title),
        label(told.category),
        _number(about.get("duration")),
        _height(about.get("height")),
        label(about.get("caption_language")),
        captions if captions in CAPTION_KINDS else None,
    )


def without_line(video: str) -> LineFacts:
    """What is known of a video whose line cannot be read."""
    return LineFacts(video, PurePosixPath(video).stem)


def _text(value: Any, longest: int) -> str | None:
    return value if isinstance(value, str) and value.strip() and len(value) <= longest else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _height(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 < number <= _MOST_LINES else None
