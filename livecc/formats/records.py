"""The records that stages exchange.

A *transcript* holds all words of one video; a *clip* is a span of it. The text of a clip and the
text before it are derived from the span and never stored, because storing `previous` for every
clip would make files grow with the square of a video's length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, overload

import numpy as np
import orjson

from livecc.formats.unspaced import join_units, joint


class SpacedWords(Sequence[str]):
    """Words kept as one UTF-8 text, separated by spaces; no word contains a space.

    Strings are created on access.
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

    def text(self) -> str:
        """The words, separated by spaces."""
        return self._text.decode()

    def to_json(self) -> bytes:
        """The JSON list of the words."""
        if not self._count:
            return b"[]"
        # No escape contains a space, so the only spaces are those between words.
        return b"[%b]" % orjson.dumps(self._text.decode()).replace(b" ", b'","')


@dataclass(frozen=True, slots=True)
class Transcript:
    """All words of one video.

    `start` and `end` are seconds from the start of the video, one pair per word. Only paper mode
    has empty words, from double spaces in captions. `unspaced`: whether words are of a script
    without spaces and are joined accordingly (default mode only; the original joins all by spaces).
    """

    video: str
    title: str
    category: str
    words: Sequence[str]
    start: Sequence[float]
    end: Sequence[float]
    unspaced: bool = False

    def text(self, first: int, last: int) -> str:
        """The words [first, last) as one text: joined by single spaces, or as their script asks."""
        words = self.words[first:last]
        return join_units(words) if self.unspaced else " ".join(words)

    def spoken(self, first: int, last: int) -> str:
        """The text of the words [first, last), each stripped of white space around it.

        Only words that paper mode takes from the input as they are have any. The original strips
        words for the loss, for prompts, and for what was said before an SFT clip, but not for what
        was said before a pre-training clip.
        """
        text = self.text(first, last)
        if text.isascii() and text.isprintable() and "  " not in text and text.strip() == text:
            return text
        words = [word.strip() for word in self.words[first:last]]
        return join_units(words) if self.unspaced else " ".join(words)

    def text_before(self, first: int, last: int) -> str:
        """The words [first, last) and what stands before the next word.

        The texts of adjoining ranges, one after the other, are the text of the whole.
        """
        if not self.unspaced or first == last:
            return "".join(f"{word} " for word in self.words[first:last])
        following = self.words[last : last + 1]
        between = joint(self.words[last - 1], following[0]) if following else " "
        return self.text(first, last) + between

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
                **({"unspaced": True} if self.unspaced else {}),
                "words": words,
                "start": orjson.Fragment(_times_json(self.start)),
                "end": orjson.Fragment(_times_json(self.end)),
            }
        )

    @classmethod
    def from_json(cls, line: bytes) -> Transcript:
        """Inverse of `to_json`; no validation, because the workflow wrote the file."""
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
            record.get("unspaced", False),
        )


@dataclass(frozen=True, slots=True)
class Clip:
    """The words [first_word, last_word) of a video's transcript.

    `start` is where its first word starts and `end` where its last word ends; its sample shows the
    video from `video_start` to `video_end`. All in seconds.
    """

    video: str
    first_word: int
    last_word: int
    start: float
    end: float
    video_start: float
    video_end: float

    @property
    def id(self) -> str:
        return clip_id(self.video, self.first_word, self.last_word)

    @property
    def n_words(self) -> int:
        return self.last_word - self.first_word


def clip_id(video: str, first_word: int, last_word: int) -> str:
    """`{video}#{first_word}-{last_word}`, with the last word exclusive."""
    return f"{video}#{first_word}-{last_word}"


#: What the speed of a clip counts, unless its words are units of a script without spaces.
WORD = "word"


def clip_row(
    video: str,
    first_word: int,
    last_word: int,
    start: float,
    end: float,
    window: tuple[float, float] | None = None,
    *,
    spoken_from: float | None = None,
) -> dict[str, Any]:
    """A row of the table "clips"; failed when its words have no duration and thus no speed.

    `window`: start and end of the video that its sample shows; None: of its words. `spoken_from`:
    from when words per second are counted; None: from its start.
    """
    video_start, video_end = window or (start, end)
    row: dict[str, Any] = {
        "clip": clip_id(video, first_word, last_word),
        "video": video,
        "first_word": first_word,
        "last_word": last_word,
        "start": start,
        "end": end,
        "video_start": video_start,
        "video_end": video_end,
        "unit": WORD,
        "status": "ok",
        "reason": "",
    }
    duration = end - (start if spoken_from is None else spoken_from)
    if duration:
        row["words_per_second"] = (last_word - first_word) / duration
    else:
        row["status"] = "failed"
        row["reason"] = "zero length: its words have no duration, so no word speed"
    return row


# --- times as JSON -------------------------------------------------------------------------------

# Nearly all times are whole tenths of a second in a limited range, so their digits are looked up in
# a table instead of being formatted one by one. Its size: 2 hours and 46 minutes, 800 kB.
_TABLE_TENTHS = 100_000
_COMMA, _POINT, _ZERO = b",.0"


def _times_json(seconds: Sequence[float]) -> bytes:
    """The JSON list of times, byte-identical to orjson; `seconds` may be a numpy array."""
    if isinstance(seconds, np.ndarray) and seconds.size and _fit_table(seconds):
        tenths = np.rint(seconds * 10.0)
        if (tenths / 10.0 == seconds).all():
            cells = _table().take(tenths.astype(np.intp))
            return b"[%b]" % cells.tobytes().translate(None, b"\0")[:-1]
    return orjson.dumps(seconds, option=orjson.OPT_SERIALIZE_NUMPY)


def _fit_table(seconds: np.ndarray[Any, Any]) -> bool:
    """Whether all values are in the range of the table; -0.0 and NaN are not."""
    return bool(seconds.max() < _TABLE_TENTHS / 10 and not np.signbit(seconds).any())


@cache
def _table() -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Entry k: the digits of `k / 10` and a comma, left-padded with zero bytes to eight."""
    cells = np.zeros((_TABLE_TENTHS, 8), np.uint8)
    seconds, tenth = np.divmod(np.arange(_TABLE_TENTHS), 10)
    cells[:, 5], cells[:, 6], cells[:, 7] = _POINT, _ZERO + tenth, _COMMA
    for column in range(4, 0, -1):
        seconds, digit = np.divmod(seconds, 10)
        cells[:, column] = _ZERO + digit
    # Strip leading zeros except the one before the point.
    for column in range(1, 4):
        cells[: 10 ** (5 - column), column] = 0
    return cells.view(np.uint64).ravel()
