"""The times of words in lines of YouTube's automatic captions, parsed for many lines at once.

    guys<00:00:00.179><c> this</c><00:00:00.359><c> is</c>

Nearly all lines look like this one. Their tags have fixed lengths, so numpy finds, checks and
removes them, and reads all times as digits of fixed positions. Lines of any other form are left to
the reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Times = NDArray[np.int32]

#: The time of a word (second, milliseconds), and a tag around it.
STAMP = re.compile(r"<((?:\d{1,9}:)?\d\d:\d\d)\.(\d\d\d)>")
CLASS = re.compile(r"</?c[^<>]*>")
_REGULAR = re.compile(r"[^<]*(?:<[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}><c> [^<]*</c>)*")

#: What stands before a word and behind it; the space is the word's.
_OPEN = np.frombuffer(b"<00:00:00.000><c> ", np.uint8)
_CLOSE = np.frombuffer(b"</c>", np.uint8)
#: How far above _OPEN each byte may be.
_ABOVE = np.where(_OPEN == 48, 9, 0).astype(np.uint8)
_MS_OF_DIGITS = np.array(
    [36_000_000, 3_600_000, 0, 600_000, 60_000, 0, 10_000, 1000, 0, 100, 10, 1], np.int32
)


@dataclass(slots=True)
class Stamps:
    """Lines without tags, and the times in them.

    `plain`: each line without tags, entities as they are. `counts`: how many words with a time are
    behind its beginning; -1 for a line of another form. `times`: of those words of all lines, in
    milliseconds.
    """

    plain: list[str]
    counts: list[int]
    times: Times


def stamps_of(lines: Sequence[str]) -> Stamps:
    """The stamps of lines, none of which holds a line break."""
    stamps = _at_once(lines)
    if stamps is not None:
        return stamps
    # Most odd lines have a word without a space, or another tag; to match takes five times as long.
    regular = [3 * line.count("><c> ") == line.count("<") for line in lines]
    stamps = _at_once(_kept(lines, regular))
    if stamps is None:
        regular = [_REGULAR.fullmatch(line) is not None for line in lines]
        stamps = _at_once(_kept(lines, regular))
    assert stamps is not None
    for number, fits in enumerate(regular):
        if not fits:
            stamps.plain[number] = without_tags(lines[number])
            stamps.counts[number] = -1
    return stamps


def _kept(lines: Sequence[str], regular: Sequence[bool]) -> list[str]:
    return [line if fits else "" for line, fits in zip(lines, regular, strict=True)]


def without_tags(line: str) -> str:
    """A line without times and `<c>`."""
    return STAMP.sub("", CLASS.sub("", line)) if "<" in line else line


def clocks(rows: Bytes) -> Times:
    """Milliseconds of rows of the bytes of HH:MM:SS.mmm."""
    # Integers, as numpy may compute products of floats with several threads.
    times: Times = (rows - ord("0")).astype(np.int32) @ _MS_OF_DIGITS
    return times


def _at_once(lines: Sequence[str]) -> Stamps | None:
    """The stamps of lines that are all of the usual form; None if one is not."""
    if not lines:
        return Stamps([], [], np.zeros(0, np.int32))
    # Three tags for each word, and all of them in one line.
    counts = np.array([line.count("<") for line in lines])
    if (counts % 3).any():
        return None
    data = "\n".join([*lines, ""]).encode()
    size = len(data) - 1
    # Room to look behind the last byte.
    buffer = np.frombuffer(data + bytes(len(_OPEN)), np.uint8)
    tags = np.flatnonzero(buffer == ord("<"))
    opened, closed = tags[::3], tags[2::3]
    heads = _windows(buffer, opened, len(_OPEN))
    if ((heads - _OPEN) > _ABOVE).any() or (_windows(buffer, closed, 4) != _CLOSE).any():
        return None
    # Nothing between a word and the next tag.
    behind = buffer[closed + 4]
    if ((behind != ord("<")) & (behind != ord("\n"))).any():
        return None
    # +1 where a tag begins, -1 behind it. One may begin where another ends, thus in two steps.
    steps = np.zeros(len(buffer), np.int8)
    steps[opened] = 1
    steps[opened + len(_OPEN) - 1] = -1
    steps[closed] += 1
    steps[closed + 4] -= 1
    outside = np.cumsum(steps[:size], dtype=np.int8) == 0
    return Stamps(
        plain=buffer[:size][outside].tobytes().decode().split("\n"),
        counts=(counts // 3).tolist(),
        times=clocks(heads[:, 1:13]),
    )


def _windows(buffer: Bytes, starts: NDArray[Any], size: int) -> Bytes:
    """`size` bytes from each of the starts, as rows."""
    every: NDArray[Any] = np.ndarray(
        (len(buffer) - size + 1,), np.dtype((np.void, size)), buffer, strides=(1,)
    )
    return every[starts].view(np.uint8).reshape(-1, size)
