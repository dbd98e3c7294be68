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
from functools import lru_cache

from livecc.sources.readers.track import Track, Words, decoded
from livecc.sources.record import UnreadableError

_TIME = r"(?:(\d+):)?(\d\d):(\d\d)[.,](\d\d\d)"
_TIMING = rf"{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t][^\n]*)?"
_CUE = re.compile(rf"^{_TIMING}\n((?:[^\n]+\n)*)", re.MULTILINE)
_INNER_TIMING = re.compile(_TIMING)
_STAMP = re.compile(r"<((?:\d+:)?\d\d:\d\d)\.(\d\d\d)>")
#: A cue of automatic captions as YouTube writes it: two lines.
_YOUTUBE_CUE = re.compile(
    r"^(\d\d:\d\d:\d\d)\.(\d\d\d) --> (\d\d:\d\d:\d\d)\.(\d\d\d)[^\n]*\n([^\n]+)\n([^\n]+)\n\n",
    re.MULTILINE,
)
#: A word with its time, as YouTube writes nearly all of them.
_STAMPED = re.compile(r"<(\d\d:\d\d:\d\d)\.(\d\d\d)><c> ([^< ]+)</c>")
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
    text += "\n\n"
    head = text[: max(text.find("-->"), 0)] or text[:1000]
    declared = _LANGUAGE.search(head)
    language = declared[1] if declared else None
    if _STAMP.search(text):
        return _rolling(text, language)
    lines: list[tuple[float, float, str]] = []
    for start, end, shown in _cues(text):
        line = _unescaped(" ".join(one for one in shown if one.strip()))
        if line.strip():
            lines.append((start, end, line))
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


@lru_cache(1 << 16)
def _ms(clock: str) -> int:
    """Milliseconds of "HH:MM:SS" or "MM:SS"; many words of all files share a second."""
    *hours, minutes, secs = map(int, clock.split(":"))
    return (sum(hours) * 3600 + minutes * 60 + secs) * 1000


class _Screen:
    """What automatic captions show, of which each line is said once."""

    def __init__(self) -> None:
        self.words = Words()
        self.lines: list[tuple[float, float, str]] = []
        # What was on the screen just before, without tags, but with entities.
        self._before: list[str] = []
        self._until = -_MOST_PAUSE_MS

    def youtube(self, cues: Sequence[tuple[str, str, str, str, str, str]]) -> None:
        """Show cues of two lines: the last line again, and nothing or a new line below it."""
        for begin, ms, end, end_ms, one, two in cues:
            start, until = _ms(begin) + int(ms), _ms(end) + int(end_ms)
            follows = start - self._until <= _MOST_PAUSE_MS
            if follows and self._before and one == self._before[-1]:
                self._until = until
                self._before = [one]
                if not two.isspace():
                    self._before.append(self._say(start, until, two))
            else:
                self.show(start, until, [one, two])

    def show(self, start: int, end: int, raw: Sequence[str]) -> None:
        """Show the lines of any cue."""
        lines = [line for line in raw if line and not line.isspace()]
        shown = [_without_tags(line) for line in lines]
        again = 0
        if start - self._until <= _MOST_PAUSE_MS:
            again = _again(self._before, shown)
        # What comes with times is said again.
        timed = [number for number, line in enumerate(lines) if _STAMP.search(line)]
        for line in lines[min([again, *timed]) :]:
            self._say(start, end, line)
        self._before, self._until = shown, end

    def _say(self, start: int, end: int, line: str) -> str:
        """Say a line; returns it without tags."""
        tags = line.count("<")
        if tags:
            found = _STAMPED.findall(line)
            texts = [line[: line.index("<")], *[word for _, _, word in found]]
            plain = " ".join(texts)
            # As YouTube writes nearly all lines; nothing may stand between a word and a tag.
            if tags == 3 * len(found) and plain == _without_tags(line):
                said = _unescaped(plain)
                count, texts = len(texts), said.split(" ")
                # Two words of one piece may not make up for a blank one.
                if len(texts) == count and texts == said.split():
                    starts = [_ms(second) + int(ms) for second, ms, _ in found]
                    self.words.add_line([start, *starts], texts)
                    self.lines.append((start, end, said.strip(" ")))
                    return plain
        plain, *parts = _STAMP.split(_CLASS.sub("", line))
        self.words.add(start, _unescaped(plain), True)
        for second, ms, word in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            self.words.add(_ms(second) + int(ms), _unescaped(word), False)
            plain += word
        self.lines.append((start, end, _unescaped(plain).strip(" ")))
        return plain


def _rolling(text: str, language: str | None) -> Track:
    screen = _Screen()
    cues = _YOUTUBE_CUE.findall(text)
    if len(cues) == text.count("-->"):
        screen.youtube(cues)
    else:
        for cue in _cues(text):
            screen.show(*cue)
    return Track(screen.lines, screen.words.finished(), language)


def _again(before: list[str], shown: list[str]) -> int:
    """How many of the first lines are the last ones that were shown before."""
    for size in range(min(len(before), len(shown)), 0, -1):
        if before[-size:] == shown[:size]:
            return size
    return 0


def _without_tags(line: str) -> str:
    return _STAMP.sub("", _CLASS.sub("", line)) if "<" in line else line


def _unescaped(text: str) -> str:
    return html.unescape(text) if "&" in text else text
