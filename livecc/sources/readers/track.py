"""A caption track as a reader gives it, and how words get their ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livecc.formats.unspaced import joint
from livecc.sources.record import Timed, UnreadableError
from livecc.terminal import count

#: A word for which nothing says when it ends lasts until the next one begins, and at most so long.
MOST_WORD_MS = 1500

#: The beginning of something said: (start in ms, text, whether it begins a line).
Piece = tuple[float, str, bool]


class Track:
    """The captions of one file.

    `shown`: (start, end, text) in milliseconds of what the file shows, without what it repeats.
    `words`: each word with its time in seconds, None if the file does not tell times of words; then
    lines end where the next one begins, see `until_next`. `language`: as the file declares it.
    """

    def __init__(
        self,
        shown: list[tuple[float, float, str]],
        words: list[Timed] | None = None,
        language: str | None = None,
    ) -> None:
        self.shown = shown
        self.words = words
        self.language = language

    @property
    def lines(self) -> list[Timed]:
        """[start, end, text] of each line in seconds."""
        if self.words is not None:
            return until_next(self.shown)
        return [(seconds(start), seconds(end), text) for start, end, text in self.shown]

    def chosen(self, mode: str) -> list[Timed]:
        """What is written in a mode: in "default" words where their times are known."""
        return self.lines if self.words is None or mode == "paper" else self.words


def decoded(data: bytes) -> str:
    """The text of a caption file. Raises UnreadableError."""
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8; convert it") from None


def without_times(number: int, what: str) -> UnreadableError:
    """The error of a file in which `number` captions are all without a time that can be used.

    `what`: what the file calls them, such as "event".
    """
    return UnreadableError(f"no captions: {count(number, what)} with text, none with a usable time")


def seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 3)


class Words:
    """Words in the making: pieces of speech with their starts.

    A word ends where the next one begins, and at most MOST_WORD_MS after its start. Words that
    begin together, such as those of one piece, share that time evenly. A piece that does not begin
    with white space continues the word before it ("high", "-performance"), unless it begins a line
    or its script writes no spaces. What is in brackets stays together: it is a mark, no words.
    """

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._texts: list[str] = []
        self._before = ""

    def add(self, start: float, text: str, begins_line: bool) -> None:
        """Add a piece."""
        parts = text.split()
        if len(parts) == 1 and (begins_line or text[0] == " "):
            # As nearly all are.
            self._starts.append(start)
            self._texts.append(parts[0])
        elif parts:
            texts = self._texts
            if len(parts) > 1 and parts[0][0] == "[" and parts[-1][-1] == "]":
                parts = [" ".join(parts)]
            continues = not (begins_line or text[0].isspace() or self._before[-1:].isspace())
            if continues and texts and joint(texts[-1], parts[0]) == " ":
                texts[-1] += parts.pop(0)
            texts += parts
            self._starts += [start] * len(parts)
        self._before = text

    def add_line(self, starts: list[int], texts: list[str]) -> None:
        """Add a whole line of which each piece is one word."""
        self._starts += starts
        self._texts += texts
        self._before = texts[-1]

    def finished(self) -> list[Timed]:
        """[start, end, word] in seconds, in order of time."""
        return timed(np.array(self._starts, np.float64), self._texts)


def timed(starts: NDArray[Any], texts: list[str]) -> list[Timed]:
    """[start, end, word] in seconds, in order of time, of words with their starts, see `Words`."""
    if (starts[1:] < starts[:-1]).any():
        order = np.argsort(starts, kind="stable")
        starts, texts = starts[order], [texts[number] for number in order]
    ends = np.minimum(np.append(starts[1:], np.inf), starts + MOST_WORD_MS)
    if (starts[1:] == starts[:-1]).any():
        shared = starts.tolist(), ends.tolist()
        _share(*shared)
        starts, ends = np.array(shared)
    return list(zip((starts / 1000).tolist(), (ends / 1000).tolist(), texts, strict=True))


def words_of(pieces: Iterable[Piece]) -> list[Timed]:
    """The words that begin at the given times, see `Words`."""
    words = Words()
    for start, text, begins_line in pieces:
        words.add(start, text, begins_line)
    return words.finished()


def _share(starts: list[float], ends: list[float]) -> None:
    """Divide the time of words that begin together evenly between them, to the millisecond."""
    first = 0
    for _, group in groupby(list(starts)):
        after = first + len(list(group))
        if after > first + 1:
            start, step = starts[first], (ends[after - 1] - starts[first]) / (after - first)
            bounds = [round(start + step * number, 1) for number in range(after - first + 1)]
            starts[first:after], ends[first:after] = bounds[:-1], bounds[1:]
        first = after


def until_next(lines: Iterable[tuple[float, float, str]]) -> list[Timed]:
    """Lines in milliseconds as lines in seconds, each of which ends where the next one begins.

    Automatic captions show a line until the next but one begins: how long it stands says nothing
    about how long it is spoken.
    """
    ordered = sorted(lines, key=itemgetter(0))
    cut: list[Timed] = []
    followings = chain((line[0] for line in ordered[1:]), (math.inf,))
    # Without lines, there is one more of them.
    for (start, end, text), following in zip(ordered, followings, strict=False):
        cut.append((seconds(start), seconds(min(end, max(following, start))), text))
    return cut
