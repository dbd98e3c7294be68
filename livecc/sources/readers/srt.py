"""SubRip, by pysubs2: the most tolerant of the readers tried.

It takes files without numbers, with points in times, without spaces around the arrow, and with
blank lines within a caption. Of more than 99 hours it would read the last two digits, so it is told
what a time is. Its `plaintext` deletes `{a, b}` and `<x, y>`, so its `text` is taken with all tags
kept; line breaks are `\\N` there. webvtt-py (`from_srt`) and the srt package stop at the first of
such faults, or lose text behind a blank line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from livecc.sources.readers.track import Track, decoded
from livecc.sources.record import UnreadableError

#: Hours may be left out, or many; more digits are no time (they are larger than numbers can be).
_TIME = re.compile(r"(?<![\d:])(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})")


def read(data: bytes) -> Track:
    """The captions in a SubRip file. Raises UnreadableError."""
    import pysubs2

    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    try:
        captions = pysubs2.SSAFile()
        _form().from_file(
            captions,
            io.StringIO(text),
            "srt",
            keep_html_tags=True,
            keep_unknown_html_tags=True,
            keep_ssa_tags=True,
        )
    except (pysubs2.Pysubs2Error, ValueError, IndexError) as error:
        raise UnreadableError(f"no SubRip: {error}") from None
    lines: list[tuple[float, float, str]] = [
        (
            line.start,
            line.end,
            line.text.replace("\\N", " "),
        )
        for line in captions
        if line.text.strip()
    ]
    if not lines and text.strip():
        raise UnreadableError("no SubRip: there is no caption in it")
    return Track(lines)


@cache
def _form() -> Any:
    """The reader of pysubs2, with our times."""
    from pysubs2.formats.subrip import SubripFormat

    class Form(SubripFormat):
        TIMESTAMP = _TIME

        @staticmethod
        def timestamp_to_ms(groups: Sequence[str]) -> int:
            hours, minutes, secs, fraction = groups
            whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(secs)
            return whole * 1000 + int(fraction.ljust(3, "0"))

    return Form
