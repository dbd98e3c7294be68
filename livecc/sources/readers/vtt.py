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

import numpy as np

from livecc.sources.readers.stamps import CLASS, STAMP, Stamps, clocks, stamps_of, without_tags
from livecc.sources.readers.track import Track, Words, decoded, timed, without_times
from livecc.sources.record import Timed, UnreadableError

# More hours are no time: they are larger than numbers can be.
_TIME = r"(?:(\d{1,9}):)?(\d\d):(\d\d)[.,](\d\d\d)"
_TIMING = rf"{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t][^\n]*)?"
_CUE = re.compile(rf"^{_TIMING}\n((?:[^\n]+\n)*)", re.MULTILINE)
_INNER_TIMING = re.compile(_TIMING)
#: A cue of automatic captions as YouTube writes it: two lines.
_YOUTUBE_CUE = re.compile(
    r"^([0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} --> [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})[^\n]*\n"
    r"([^\n]+)\n([^\n]+)\n\n",
    re.MULTILINE,
)
_TIMING_BYTES = len("00:00:00.000 --> 00:00:00.000")
_LANGUAGE = re.compile(r"^Language: *([A-Za-z0-9_-]+) *$", re.MULTILINE)
_SKIPPED = re.compile(r"^(NOTE|STYLE|REGION)(?:[ \t\n][^\n]*\n?)(?:[^\n]+\n)*", re.MULTILINE)
#: A line that is shown again follows within this many milliseconds.
_MOST_PAUSE_MS = 150

#: (start, end in milliseconds, lines)
Cue = tuple[int, int, list[str]]
#: (start, end in milliseconds, line with its tags)
Said = tuple[int, int, str]


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
    if STAMP.search(text):
        return _rolling(text, language)
    lines: list[tuple[float, float, str]] = []
    cues = 0
    for start, end, shown in _cues(text):
        cues += 1
        line = _unescaped(" ".join(one for one in shown if one.strip()))
        if line.strip():
            lines.append((start, end, line))
    if not cues:
        _check_no_arrows(text)
    return Track(lines, None, language)


def _check_no_arrows(text: str) -> None:
    """Raise UnreadableError if a file without cues has what was meant to be some."""
    timings = sum("-->" in line for line in text.split("\n"))
    if timings:
        raise without_times(timings, "cue")


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
        self.said: list[Said] = []
        # What was on the screen just before, without tags, but with entities.
        self._before: list[str] = []
        self._until = -_MOST_PAUSE_MS

    def youtube(self, cues: Sequence[tuple[str, str, str]]) -> Stamps:
        """Show cues of two lines: the last line again, and nothing or a new line below it.

        Returns the stamps of what was said.
        """
        if not cues:
            return stamps_of([])
        timings, ones, twos = zip(*cues, strict=True)
        rows = np.frombuffer("".join(timings).encode(), np.uint8).reshape(-1, _TIMING_BYTES)
        blank = list(map(str.isspace, twos))
        new = [two for two, nothing in zip(twos, blank, strict=True) if not nothing]
        stamps = stamps_of(new)
        plain = iter(stamps.plain)
        said = self.said
        for start, end, one, two, nothing in zip(
            clocks(rows[:, :12]).tolist(),
            clocks(rows[:, -12:]).tolist(),
            ones,
            twos,
            blank,
            strict=True,
        ):
            two_plain = two if nothing else next(plain)
            before = self._before
            if before and one == before[-1] and start - self._until <= _MOST_PAUSE_MS:
                self._until = end
                if nothing:
                    self._before = [one]
                else:
                    said.append((start, end, two))
                    self._before = [one, two_plain]
            else:
                self.show(start, end, [one, two])
        # Rarely, an upper line is said, too.
        lines = [line for _, _, line in said]
        return stamps if lines == new else stamps_of(lines)

    def show(self, start: int, end: int, raw: Sequence[str]) -> None:
        """Show the lines of any cue."""
        lines = [line for line in raw if line and not line.isspace()]
        shown = [without_tags(line) for line in lines]
        again = 0
        if start - self._until <= _MOST_PAUSE_MS:
            again = _again(self._before, shown)
        # What comes with times is said again.
        timed = [number for number, line in enumerate(lines) if STAMP.search(line)]
        self.said += [(start, end, line) for line in lines[min([again, *timed]) :]]
        self._before, self._until = shown, end


def _rolling(text: str, language: str | None) -> Track:
    screen = _Screen()
    cues = _YOUTUBE_CUE.findall(text)
    if len(cues) == text.count("-->"):
        stamps = screen.youtube(cues)
    else:
        found = 0
        for cue in _cues(text):
            screen.show(*cue)
            found += 1
        if not found:
            _check_no_arrows(text)
        stamps = stamps_of([line for _, _, line in screen.said])
    texts = [_unescaped(plain) for plain in stamps.plain]
    words = _words_at_once(screen.said, texts, stamps)
    if words is None:
        words = _words_by_line(screen.said, texts, stamps)
    lines: list[tuple[float, float, str]] = [
        (start, end, text.strip(" "))
        for (start, end, _), text in zip(screen.said, texts, strict=True)
    ]
    return Track(lines, words, language)


def _words_at_once(said: list[Said], texts: list[str], stamps: Stamps) -> list[Timed] | None:
    """The words, if each line begins with one and has one for each of its stamps; else None."""
    joined = " ".join(texts)
    words = joined.split()
    counts = np.array(stamps.counts, np.int64)
    # No white space but one space before each word with a stamp.
    if [text.count(" ") for text in texts] != stamps.counts or " ".join(words) != joined:
        return None
    begins = [start for start, _, _ in said]
    # Cues may begin later than 32 bits hold.
    times = stamps.times.astype(np.float64)
    return timed(np.insert(times, np.cumsum(counts) - counts, begins), words)


def _words_by_line(said: list[Said], texts: list[str], stamps: Stamps) -> list[Timed]:
    """The words, piece by piece where a line is not of the usual form."""
    words = Words()
    times = stamps.times.tolist()
    done = 0
    for (start, _, line), text, count in zip(said, texts, stamps.counts, strict=True):
        parts = text.split(" ")
        if len(parts) == count + 1 and parts == text.split():
            words.add_line([start, *times[done : done + count]], parts)
        else:
            _add_pieces(words, start, line)
        done += max(count, 0)
    return words.finished()


def _add_pieces(words: Words, start: int, line: str) -> None:
    """Add the pieces of a line of any form."""
    first, *parts = STAMP.split(CLASS.sub("", line))
    words.add(start, _unescaped(first), True)
    for second, ms, piece in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        words.add(_ms(second) + int(ms), _unescaped(piece), False)


def _again(before: list[str], shown: list[str]) -> int:
    """How many of the first lines are the last ones that were shown before."""
    for size in range(min(len(before), len(shown)), 0, -1):
        if before[-size:] == shown[:size]:
            return size
    return 0


def _unescaped(text: str) -> str:
    return html.unescape(text) if "&" in text else text
