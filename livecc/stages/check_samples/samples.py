"""The samples of a training file, as far as the trainer's reader looks at them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from livecc.files.json_values import parse_lenient, shown
from livecc.files.limits import MAX_OWN_LINE_BYTES
from livecc.formats.samples import read_offsets

#: Seed of the choice of samples: the same file gives the same samples.
SEED = 0

#: Bounds of what a file from elsewhere may claim: every frame of a sample takes memory.
MAX_VIDEO_SECONDS = 1e6
MAX_SAMPLE_SECONDS = 86_400.0


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """What the reader uses of a sample.

    `number`: its line, from 1. `start` and `end`: video_start and video_end in seconds, None where
    absent. `words` and `ends`: (n,) each word and the second at which it has ended.
    """

    number: int
    video: str
    start: float | None
    end: float | None
    words: tuple[str, ...]
    ends: tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class BrokenSample:
    """A line that the trainer cannot use, and why."""

    number: int
    reason: str


def chosen(path: Path, count: int | None) -> tuple[int, list[tuple[int, int]]]:
    """(samples of a training file, (number, offset) of those to check, in the file's order).

    At most `count` are chosen, by chance, the same ones for the same file; None: all.
    Raises LiveccError when the last line is not a list of offsets.
    """
    offsets = read_offsets(path)
    numbers: Sequence[int] = range(len(offsets))
    if count is not None and count < len(offsets):
        numbers = sorted(random.Random(SEED).sample(numbers, count))
    return len(offsets), [(number + 1, offsets[number]) for number in numbers]


def read_chosen(path: Path, places: Sequence[tuple[int, int]]) -> Iterator[Sample | BrokenSample]:
    """The samples at (number, offset)."""
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        for number, offset in places:
            try:
                # Beyond the end of the file there is nothing either.
                stream.seek(min(max(offset, 0), end))
                line = stream.readline(MAX_OWN_LINE_BYTES + 1)
                if len(line) > MAX_OWN_LINE_BYTES:
                    raise _NotASampleError("at its offset there is a line without an end")
                yield parse(number, line)
            except _NotASampleError as error:
                yield BrokenSample(number, str(error))


class _NotASampleError(Exception):
    """What of a line the trainer cannot use."""


def parse(number: int, line: bytes) -> Sample:
    """The sample of a line. Raises _NotASampleError."""
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        # It does not take half of a surrogate pair, which the trainer's json module reads.
        try:
            told = parse_lenient(line)
        except ValueError:
            raise _NotASampleError("at its offset there is no line of JSON") from None
    user, assistant = _list(told, 2, "a list of a user's and an assistant's message")
    video, query = _list(_get(user, "content", list), 2, "a user's content of a video and a text")
    _get(query, "text", str)
    stream = _get(_first(_get(assistant, "content", list)), "text_stream", list)
    ends, words = [], []
    for word in stream:
        _, end, text = _list(word, 3, "a text_stream of [start, end, word]")
        if not _is_number(end) or not isinstance(text, str):
            raise _NotASampleError(f"no text_stream of [start, end, word]: {shown(word)}")
        ends.append(float(end))
        words.append(text)
    start, end = _time(video, "video_start"), _time(video, "video_end")
    if end is not None and end - (start or 0.0) > MAX_SAMPLE_SECONDS:
        raise _NotASampleError(f"it is {end - (start or 0.0):,.0f} s long")
    return Sample(
        number,
        _get(video, "video", str),
        start,
        end,
        tuple(words),
        tuple(ends),
    )


def _list(value: Any, length: int, what: str) -> Any:
    if not isinstance(value, list) or len(value) != length:
        raise _NotASampleError(f"it is not {what}")
    return value


def _first(value: list[Any]) -> Any:
    return value[0] if value else None


def _get(value: Any, key: str, kind: type) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise _NotASampleError(f"it has no usable {key!r}")
    return found


def _time(video: dict[str, Any], key: str) -> float | None:
    value = video.get(key)
    if value is None or _is_number(value):
        return value
    raise _NotASampleError(f"{key} is {shown(value)}, not a number of seconds in a video")


def _is_number(value: Any) -> bool:
    """Whether it is a number of seconds that a video may have."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= MAX_VIDEO_SECONDS  # False for NaN
