"""The records that travel between stages, each declared once.

A *transcript* holds all words of one video; a *clip* is a span of it. The text of a clip, and the
text before it, are derived from the span and never stored, because storing `previous` for every
clip makes a file grow with the square of a video's length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import orjson

from livecc.times_json import times_json


class SpacedWords(Sequence[str]):
    """Words kept as one UTF-8 text with a space between them; no word has a space in it.

    Its strings are made whenever they are looked at.
    """

    __slots__ = ("_count", "_text")

    def __init__(self, text: bytes, count: int) -> None:
        self._text = text
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._strings()[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._strings())

    def _strings(self) -> list[str]:
        return self._text.decode().split(" ") if self._count else []

    def to_json(self) -> bytes:
        """The JSON list of the words."""
        if not self._count:
            return b"[]"
        # No escape has a space in it, so the only spaces are those between words.
        return b"[%b]" % orjson.dumps(self._text.decode()).replace(b" ", b'","')


@dataclass(frozen=True, slots=True)
class Transcript:
    """All words of one video.

    `start` and `end` are seconds from the beginning of the video, one pair per word. Words may be
    empty strings in paper mode only, where a double space in a caption makes an empty word.
    """

    video: str
    title: str
    category: str
    words: Sequence[str]
    start: Sequence[float]
    end: Sequence[float]

    def text(self, first: int, last: int) -> str:
        """The words [first, last), joined by one space."""
        return " ".join(self.words[first:last])

    def to_json(self) -> bytes:
        """One JSON object without a newline; numpy arrays are accepted for the times."""
        words: Any = self.words
        if isinstance(words, SpacedWords):
            words = orjson.Fragment(words.to_json())
        return orjson.dumps(
            {
                "video": self.video,
                "title": self.title,
                "category": self.category,
                "words": words,
                "start": orjson.Fragment(times_json(self.start)),
                "end": orjson.Fragment(times_json(self.end)),
            }
        )

    @classmethod
    def from_json(cls, line: bytes) -> Transcript:
        """Inverse of `to_json`; the file is one the workflow wrote, so it is not re-checked."""
        return cls.from_mapping(orjson.loads(line))

    @classmethod
    def from_mapping(cls, record: Mapping[str, Any]) -> Transcript:
        return cls(
            record["video"],
            record["title"],
            record["category"],
            record["words"],
            record["start"],
            record["end"],
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """The words [first_word, last_word) of a video's transcript.

    `start` is where its first word starts and `end` where its last word ends, in seconds.
    """

    video: str
    first_word: int
    last_word: int
    start: float
    end: float

    @property
    def id(self) -> str:
        return clip_id(self.video, self.first_word, self.last_word)

    @property
    def duration(self) -> float:
        return self.end - self.start

    @property
    def n_words(self) -> int:
        return self.last_word - self.first_word


def clip_id(video: str, first_word: int, last_word: int) -> str:
    """`{video}#{first_word}-{last_word}`, the last word exclusive."""
    return f"{video}#{first_word}-{last_word}"


def clip_row(
    video: str, first_word: int, last_word: int, start: float, end: float
) -> dict[str, Any]:
    """A row of the table "clips"; failed when its words have no duration, and so no speed."""
    row: dict[str, Any] = {
        "clip": clip_id(video, first_word, last_word),
        "video": video,
        "first_word": first_word,
        "last_word": last_word,
        "start": start,
        "end": end,
        "status": "ok",
        "reason": "",
    }
    if start == end:
        row["status"] = "failed"
        row["reason"] = "zero length: its words have no duration, so no word speed"
    else:
        row["words_per_second"] = (last_word - first_word) / (end - start)
    return row
