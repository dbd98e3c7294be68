"""SubRip, by pysubs2: the most tolerant of the readers tried.

It takes files without numbers, with points in times, without spaces around the arrow, and with
blank lines within a caption. Its `plaintext` deletes `{a, b}` and `<x, y>`, so its `text` is taken
with all tags kept; line breaks are `\\N` there. webvtt-py (`from_srt`) and the srt package stop at
the first of such faults, or lose text behind a blank line.
"""

from __future__ import annotations

from livecc.sources.readers.track import Track, decoded
from livecc.sources.record import UnreadableError


def read(data: bytes) -> Track:
    """The captions in a SubRip file. Raises UnreadableError."""
    import pysubs2

    text = decoded(data).replace("\r\n", "\n").replace("\r", "\n")
    try:
        captions = pysubs2.SSAFile.from_string(
            text,
            format_="srt",
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
