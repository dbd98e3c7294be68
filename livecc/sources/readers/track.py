"""A caption track as a reader gives it, and how words get their ends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from livecc.formats.unspaced import joint
from livecc.sources.record import Timed, UnreadableError

#: A word for which nothing says when it ends lasts until the next one begins, and at most so long.
MOST_WORD_MS = 1500

#: The beginning of something said: (start in ms, text, whether it begins a line).
Piece = tuple[float, str, bool]


@dataclass(slots=True)
class Track:
    """The captions of one file.

    `lines`: [start, end, text] in seconds, as the file shows them, without what it repeats.
    `words`: each word with its time, None if the file does not tell times of words. `language`: as
    the file declares it.
    """

    lines: list[Timed]
    words: list[Timed] | None = None
    language: str | None = None

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


def is_time(value: Any) -> bool:
    """Whether a value is a number that can be a time."""
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value < 1e12


def seconds(milliseconds: float) -> float:
    return round(milliseconds / 1000, 3)


def words_of(pieces: Sequence[Piece]) -> list[Timed]:
    """The words that begin at the given times, in order of time, with ends.

    A word ends where the next one begins, and at most MOST_WORD_MS after its start. Words that
    begin together, such as those of one piece, share that time evenly. A piece that does not begin
    with white space continues the word before it ("high", "-performance"), unless it begins a line
    or its script writes no spaces. What is in brackets stays together: it is a mark, no words.
    """
    starts: list[float] = []
    texts: list[str] = []
    glued = True
    for start, text, begins_line in pieces:
        parts = text.split()
        if not parts:
            glued = False
            continue
        if len(parts) > 1 and parts[0][0] == "[" and parts[-1][-1] == "]":
            parts = [" ".join(parts)]
        if (
            not begins_line
            and glued
            and texts
            and not text[0].isspace()
            and joint(texts[-1], parts[0]) == " "
        ):
            texts[-1] += parts.pop(0)
        for part in parts:
            starts.append(start)
            texts.append(part)
        glued = not text[-1].isspace()
    return _with_ends(starts, texts)


def _with_ends(starts: list[float], texts: list[str]) -> list[Timed]:
    if any(map(float.__gt__, map(float, starts), map(float, starts[1:]))):
        pairs = sorted(zip(starts, texts, strict=True), key=itemgetter(0))
        starts, texts = [start for start, _ in pairs], [text for _, text in pairs]
    words: list[Timed] = []
    count = len(starts)
    first = 0
    while first < count:
        start = starts[first]
        after = first + 1
        while after < count and starts[after] == start:
            after += 1
        end = start + MOST_WORD_MS
        if after < count and starts[after] < end:
            end = starts[after]
        if after == first + 1:
            words.append((start / 1000, end / 1000, texts[first]))
        else:
            step = (end - start) / (after - first)
            for index in range(first, after):
                begin = start + (index - first) * step
                words.append((seconds(begin), seconds(begin + step), texts[index]))
        first = after
    return words


def until_next(lines: Iterable[tuple[float, float, str]]) -> list[Timed]:
    """Lines in milliseconds as lines in seconds, each of which ends where the next one begins.

    Automatic captions show a line until the next but one begins: how long it stands says nothing
    about how long it is spoken.
    """
    ordered = sorted(lines, key=itemgetter(0))
    cut: list[Timed] = []
    for (start, end, text), following in zip(
        ordered, [*(line[0] for line in ordered[1:]), math.inf], strict=True
    ):
        cut.append((seconds(start), seconds(min(end, max(following, start))), text))
    return cut
