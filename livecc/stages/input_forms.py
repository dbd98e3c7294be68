"""Names the form of captions and words that other tools write, and says how to bring them here.

Captions are lists [start, end, text] under "subtitles", words lists [start, end, word] under
"content", with times in seconds. What is found instead is told by the kinds of its first entries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

#: Entries that are looked at.
_SAMPLE = 50
# Keys of other tools under which captions or words may be, in the order of preference.
_OTHER_KEYS = (
    *("subtitles", "content", "segments", "word_segments", "words", "chunks", "events", "lines"),
    *(
        "captions",
        "caption",
        "subtitle",
        "transcript",
        "transcription",
        "transcripts",
        "asr",
        "text",
    ),
)
# Objects by the keys that they have: keys -> (what they are, how to write one).
_OBJECTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("text", "start", "duration"),
        "objects with text, start and duration, as of youtube-transcript-api",
        "each as [start, start + duration, text]",
    ),
    (
        ("start", "end", "lines"),
        "objects with start, end and lines, as of video2dataset",
        "each as [start, end, its lines joined by a blank]",
    ),
    (
        ("start", "end", "words"),
        "segments with words, as of Whisper",
        "each segment as [start, end, text], or each of its words as [start, end, word],",
    ),
    (
        ("start", "end", "text"),
        "objects with start, end and text, as the segments of Whisper",
        "each as [start, end, text]",
    ),
    (
        ("start", "end", "word"),
        "objects with start, end and word, as the words of Whisper",
        "each as [start, end, word]",
    ),
    (
        ("timestamp", "text"),
        "objects with timestamp and text, as the chunks of a transformers pipeline",
        "each as [timestamp[0], timestamp[1], text]",
    ),
    (
        ("tStartMs",),
        "events of YouTube's json3 format",
        "each as [tStartMs / 1000, (tStartMs + dDurationMs) / 1000, the utf8 of its segs]",
    ),
)
_CLOCK = re.compile(r"\s*(\d+:)?\d+:\d+([.,]\d+)?\s*")


def foreign_form(record: Mapping[str, Any], key: str) -> str | None:
    """One sentence about what is in place of the list that `key` should hold, and what to do.

    `key` is "subtitles" or "content". None when the list has the right form, or nothing in the
    record looks like captions or words.
    """
    entry = f"[start, end, {'text' if key == 'subtitles' else 'word'}]"
    for name in dict.fromkeys((key, *_OTHER_KEYS)):
        if record.get(name):
            form = _form(record[name], entry)
            if form is None and name != key and _has_right_form(record[name]):
                return f'the list is under "{name}"; rename it to "{key}"'
            if form is not None:
                what, how = form
                return f'"{name}" holds {what}; write {how} under "{key}"'
    return None


def _form(value: Any, entry: str) -> tuple[str, str] | None:
    """(what it is, how to write it); None for the right form, or nothing known."""
    if isinstance(value, str):
        return _of_text(value, entry)
    if isinstance(value, dict):
        return _of_object(value, entry)
    if not isinstance(value, list):
        return None
    found = Counter(_of_entry(one, entry) for one in islice(value, _SAMPLE))
    return found.most_common(1)[0][0] if found else None


def _of_text(value: str, entry: str) -> tuple[str, str] | None:
    if "-->" in value:
        return "the text of a SubRip or WebVTT file", f"each cue as {entry}, in seconds"
    if re.fullmatch(r"\S+\.(srt|vtt|json3?|txt|tsv|ass)", value.strip()):
        return "the name of a file", f"what is in the file as a list of {entry}, in seconds"
    return "text without times", f"a list of {entry}, in seconds"


def _of_object(value: Mapping[str, Any], entry: str) -> tuple[str, str] | None:
    columns = [name for name in ("start", "end", "text", "word") if name in value]
    if len(columns) >= 2 and all(isinstance(value[name], list) for name in columns):
        return f"an object of columns ({', '.join(columns)})", f"each row as {entry}"
    for name in (*_OTHER_KEYS, *islice(value, _SAMPLE)):
        inner = value.get(name)
        if isinstance(inner, list) and inner:
            form = _form(inner, entry)
            what = f"an object with a list under {name!r}"
            return (f"{what} ({form[0]})", form[1]) if form else (what, "that list")
    return None


def _of_entry(entry: Any, wanted: str) -> tuple[str, str] | None:
    if isinstance(entry, str):
        return "texts without times", f"each as {wanted}, in seconds"
    if isinstance(entry, dict):
        for keys, what, how in _OBJECTS:
            if all(name in entry for name in keys):
                times = (entry.get(name) for name in ("start", "end", "duration"))
                text = any(isinstance(time, str) for time in times)
                return what, f"{how} with times as numbers of seconds" if text else how
        names = ", ".join(sorted(map(str, entry))[:6])
        return f"objects with the keys {names}", f"each as {wanted}, in seconds"
    return _of_list(entry, wanted) if isinstance(entry, list) else None


def _of_list(entry: list[Any], wanted: str) -> tuple[str, str] | None:
    if len(entry) == 3 and isinstance(entry[2], str):
        times = [time for time in entry[:2] if isinstance(time, str)]
        if any(map(_CLOCK.fullmatch, times)):
            return (
                f"times as strings ({times[0]!r})",
                "them as numbers of seconds, hours and minutes included,",
            )
        if times:
            return f"times as strings ({times[0]!r})", "them as numbers, without quotes,"
        return None
    if len(entry) == 3 and isinstance(entry[0], str) and not isinstance(entry[1], str):
        return "lists with the text first", f"each as {wanted}"
    if len(entry) == 2 and isinstance(entry[0], list) and len(entry[0]) == 2:
        return "lists [[start, end], text]", f"each as {wanted}"
    if len(entry) != 3:
        return f"lists of {len(entry)} values", f"each as {wanted}, in seconds"
    return None


def _has_right_form(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, list)
        and len(one) == 3
        and all(isinstance(time, int | float) for time in one[:2])
        and isinstance(one[2], str)
        for one in islice(value, _SAMPLE)
    )
