"""WebVTT, plain or as YouTube writes automatic captions: rolling, with a time before each word.

    00:00:00.000 --> 00:00:02.060 align:start position:0%
    <blank>
    guys<00:00:00.179><c> this</c><00:00:00.359><c> is</c>

    00:00:02.060 --> 00:00:02.070 align:start position:0%
    guys this is
    <blank>

Each line comes two or three times: above the next one, and in cues of 10 ms between. Its first word
starts with its cue.

Tried: webvtt-py and pysubs2 give every word three times and no times of words; webvtt-py's
`raw_text` keeps the stamps, but it loses cue text that holds `-->`; pysubs2's `plaintext` deletes
`{a, b}` and `<x, y>`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from livecc.sources.readers.track import Piece, Track, decoded, seconds, until_next, words_of
from livecc.sources.record import UnreadableError

_TIME = r"(?:(\d+):)?(\d\d):(\d\d)[.,](\d\d\d)"
_TIMING = rf"{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t][^\n]*)?"
_CUE = re.compile(rf"^{_TIMING}\n((?:[^\n]+\n)*)", re.MULTILINE)
_INNER_TIMING = re.compile(_TIMING)
_STAMP = re.compile(r"<(?:(\d+):)?(\d\d):(\d\d)\.(\d\d\d)>")
#: A word with its time, as YouTube writes nearly all of them.
_STAMPED = re.compile(r"<(\d\d):(\d\d):(\d\d)\.(\d\d\d)><c>([^<]*)</c>")
_CLASS = re.compile(r"</?c[^<>]*>")
_LANGUAGE = re.compile(r"^Language: *([A-Za-z0-9_-]+) *$", re.MULTILINE)
_SKIPPED = re.compile(r"^(NOTE|STYLE|REGION)(?:[ \t\n][^\n]*\n?)(?:[^\n]+\n)*", re.MULTILINE)
#: A line that is shown again follows within this many milliseconds.
_MOST_PAUSE_MS = 150

#: (start, end in milliseconds, lines)
Cue = tuple[int, int, list[str]]


def read(data: bytes) -> Track:
    """The captions in a WebVTT file. Raises UnreadableError."""
    text = decoded(data)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.lstrip("\n").startswith("WEBVTT"):
        raise UnreadableError('no WebVTT: it does not begin with "WEBVTT"')
    if not text.endswith("\n"):
        text += "\n"
    head = text[: max(text.find("-->"), 0)] or text[:1000]
    declared = _LANGUAGE.search(head)
    language = declared[1] if declared else None
    if _STAMP.search(text):
        return _rolling(text, language)
    lines = []
    for start, end, shown in _cues(text):
        line = _unescaped(" ".join(one for one in shown if one.strip()))
        if line.strip():
            lines.append((seconds(start), seconds(end), line))
    return Track(lines, None, language)


def _cues(text: str) -> Iterator[Cue]:
    if "\nNOTE" in text or "\nSTYLE" in text or "\nREGION" in text:
        # They hold anything, also what looks like a cue.
        text = _SKIPPED.sub("", text)
    for found in _CUE.finditer(text):
        *numbers, shown = found.groups()
        start, end = _span(numbers)
        if "-->" in shown:
            yield from _parted(start, end, shown)
        else:
            yield start, end, shown.split("\n")


def _parted(start: int, end: int, shown: str) -> Iterator[Cue]:
    """The cue, and those behind it that no blank line parts from it; texts may hold arrows."""
    lines: list[str] = []
    for line in shown.split("\n"):
        inner = _INNER_TIMING.fullmatch(line) if "-->" in line else None
        if inner:
            yield start, end, lines
            start, end, lines = *_span(inner.groups()), []
        else:
            lines.append(line)
    yield start, end, lines


def _span(found: Sequence[str | None]) -> tuple[int, int]:
    """Start and end in milliseconds of the numbers in a timing."""
    hours, minutes, secs, ms, hours_2, minutes_2, secs_2, ms_2 = (int(one or 0) for one in found)
    return (
        ((hours * 60 + minutes) * 60 + secs) * 1000 + ms,
        ((hours_2 * 60 + minutes_2) * 60 + secs_2) * 1000 + ms_2,
    )


def _rolling(text: str, language: str | None) -> Track:
    pieces: list[Piece] = []
    lines: list[tuple[float, float, str]] = []
    before: list[str] = []
    until = -_MOST_PAUSE_MS
    for start, end, raw in _cues(text):
        shown: list[str] = []
        stamped = []
        for line in raw:
            if not line or line.isspace():
                continue
            if "<" in line:
                words = _stamped(line, start)
                if words is not None:
                    stamped.append((len(shown), words))
                    line = "".join([text for _, text, _ in words])
                else:
                    line = _unescaped(_CLASS.sub("", line))
            elif "&" in line:
                line = html.unescape(line)
            shown.append(line)
        # What was on the screen just before is not said again, unless it comes with new times.
        again = _again(before, shown) if start - until <= _MOST_PAUSE_MS else 0
        if stamped:
            again = min(again, stamped[0][0])
        timed = dict(stamped)
        for index in range(again, len(shown)):
            pieces += timed.get(index) or [(start, shown[index], True)]
            lines.append((start, end, shown[index].strip(" ")))
        before, until = shown, end
    return Track(until_next(lines), words_of(pieces), language)


def _again(before: list[str], shown: list[str]) -> int:
    """How many of the first lines are the last ones that were shown before."""
    for size in range(min(len(before), len(shown)), 0, -1):
        if before[-size:] == shown[:size]:
            return size
    return 0


def _stamped(line: str, start: int) -> list[Piece] | None:
    """The words of a line with times; None if it has none."""
    found = _STAMPED.findall(line)
    if found and line.count("<") == 3 * len(found):
        head = line[: line.index("<")]
        if "&" in line:
            head = html.unescape(head)
            found = [(*stamp, html.unescape(word)) for *stamp, word in found]
        pieces: list[Piece] = [(start, head, True)]
        pieces += [
            (((int(h) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms), word, False)
            for h, m, s, ms, word in found
        ]
        return pieces
    parts = _STAMP.split(line)
    if len(parts) == 1:
        return None
    pieces = [(start, _unescaped(_CLASS.sub("", parts[0])), True)]
    for index in range(1, len(parts), 5):
        h, m, s, ms, word = parts[index : index + 5]
        time = ((int(h or 0) * 60 + int(m)) * 60 + int(s)) * 1000 + int(ms)
        pieces.append((time, _unescaped(_CLASS.sub("", word)), False))
    return pieces


def _unescaped(text: str) -> str:
    return html.unescape(text) if "&" in text else text
