"""json3, YouTube's own form of captions: events of segments with offsets in milliseconds.

A word starts at the event's `tStartMs` plus its segment's `tOffsetMs`; there are no ends.
`dDurationMs` says how long the line stands, which is until the next but one begins. Every other
event of automatic captions is a line break (`aAppend`). Captions typed by people have no offsets.

No library tested reads json3 as captions (pysubs2, webvtt-py; yt-dlp converts it by FFmpeg from
VTT), and events joined to lines lose the times of words: 94 % of them come more than a second late.
"""

from __future__ import annotations

from typing import Any

import orjson

from livecc.files.json_values import parse_lenient
from livecc.sources.readers.track import (
    MOST_WORD_MS,
    Track,
    Words,
    without_times,
)
from livecc.sources.record import UnreadableError, is_amount


def read(data: bytes) -> Track:
    """The captions in a json3 file. Raises UnreadableError."""
    events = _events(data)
    words = Words()
    lines: list[tuple[float, float, str]] = []
    told = False
    timeless = 0
    add = words.add
    for event in events:
        if type(event) is not dict:
            continue
        segments, start = event.get("segs"), event.get("tStartMs", 0)
        if type(segments) is not list:
            continue
        if not is_amount(start):
            timeless += _says_something(segments)
            continue
        texts: list[str] = []
        for segment in segments:
            try:
                text, offset = segment["utf8"], segment.get("tOffsetMs", 0)
            except (TypeError, KeyError, AttributeError):
                continue
            if type(text) is not str or not text:
                continue
            if offset and is_amount(offset):
                told = True
            elif offset != 0:
                continue
            add(start + offset, text, not texts)
            texts.append(text)
        line = "".join(texts).replace("\n", " ").strip(" ")
        if line:
            duration = event.get("dDurationMs")
            lines.append((start, start + (duration if is_amount(duration) else MOST_WORD_MS), line))
        else:
            # Nothing of it may have had a time.
            timeless += not texts and _says_something(segments)
    if timeless and not lines:
        raise without_times(timeless, "event")
    return Track(lines, words.finished() if told else None)


def _says_something(segments: list[Any]) -> bool:
    texts = (one.get("utf8") for one in segments if type(one) is dict)
    return any(type(text) is str and not text.isspace() and text != "" for text in texts)


def _events(data: bytes) -> list[Any]:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            # Half of a surrogate pair is not worth the whole file.
            value = parse_lenient(data)
        except (ValueError, UnicodeDecodeError):
            raise UnreadableError(f"no JSON: {error}") from None
    events = value.get("events") if type(value) is dict else None
    if type(events) is not list:
        raise UnreadableError('no json3 captions: there is no list under "events"')
    return events
