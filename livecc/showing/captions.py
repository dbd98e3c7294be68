"""The words of a clip as pictures: the band below its frames, at any time.

Words appear when they begin, the one that is being said in another colour. They fill a page of a
few lines from its top; the next word after a full page begins a new one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.formats.records import Clip, Transcript
from livecc.formats.unspaced import joint

LINES = 2
_MARGIN = 8
BACKGROUND, SAID, SAYING, QUIET = (18, 18, 20), (235, 235, 235), (255, 214, 10), (140, 140, 148)
#: A character that no font has, whose picture stands for all that a font lacks.
_LACKING = "\U0010fffe"
#: Fonts that many systems have; the one that Pillow brings has Latin letters without accents.
_KNOWN_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "NotoSansCJK-Regular.ttc")
#: A space is at least so wide, in sizes of the font.
_LEAST_SPACE = 0.3


@dataclass(frozen=True, slots=True)
class Placed:
    """A word on its page: its place in pixels from the left edge of the band and its line."""

    text: str
    start: float
    end: float
    page: int
    line: int
    left: float


class Captions:
    """Draws the band of one clip, `width` pixels wide; `height` is that of the band.

    Raises LiveccError when the font cannot be read.
    """

    def __init__(
        self, transcript: Transcript, clip: Clip, width: int, size: int, font: Path | None
    ) -> None:
        self.width = width
        text = "".join(transcript.words[clip.first_word : clip.last_word])
        self._font = _font(font, size, text)
        self._small = _font(None, max(size * 2 // 3, 10), "")
        self._step = round(size * 1.35)
        self.height = LINES * self._step + round(size * 1.2) + 2 * _MARGIN
        self.height += self.height % 2
        words = [word.strip() for word in transcript.words[clip.first_word : clip.last_word]]
        starts = transcript.start[clip.first_word : clip.last_word]
        ends = transcript.end[clip.first_word : clip.last_word]
        self._words = self._placed(words, starts, ends, transcript.unspaced)
        self._starts = [word.start for word in self._words]
        self._draw_words = lru_cache(2)(self._words_drawn)

    def lacking(self) -> str:
        """The characters, each once, that the font does not have."""
        return _lacking(self._font, "".join(word.text for word in self._words))

    def band(self, time: float, clock: str) -> Any:
        """The band at a time of the video (seconds), as an image; `clock`: a text in its corner."""
        from PIL import ImageDraw

        said = sum(1 for start in self._starts if start <= time)
        saying = said > 0 and time < max(self._words[said - 1].end, self._starts[said - 1] + 0.2)
        picture = self._draw_words(said, saying).copy()
        ImageDraw.Draw(picture).text(
            (_MARGIN, self.height - _MARGIN), clock, fill=QUIET, font=self._small, anchor="lb"
        )
        return picture

    def _words_drawn(self, said: int, saying: bool) -> Any:
        from PIL import Image, ImageDraw

        picture = Image.new("RGB", (self.width, self.height), BACKGROUND)
        if not said:
            return picture
        draw = ImageDraw.Draw(picture)
        last = said - 1
        place = last
        while place >= 0 and self._words[place].page == self._words[last].page:
            word = self._words[place]
            colour = SAYING if saying and place == last else SAID
            top = _MARGIN + (word.line + 1) * self._step
            draw.text((word.left, top), word.text, fill=colour, font=self._font, anchor="ls")
            place -= 1
        return picture

    def _placed(
        self, words: Sequence[str], starts: Sequence[float], ends: Sequence[float], unspaced: bool
    ) -> list[Placed]:
        room = self.width - 2 * _MARGIN
        to_left = _runs_to_left("".join(words))
        space = max(self._font.getlength(" "), _LEAST_SPACE * self._font.size)
        placed: list[Placed] = []
        page = line = 0
        used = 0.0
        for number, (word, start, end) in enumerate(zip(words, starts, ends, strict=True)):
            length = min(self._font.getlength(word), room)
            gap = 0.0
            if number and used:
                gap = space if not unspaced or joint(words[number - 1], word) else 0.0
            if used and used + gap + length > room:
                line, used, gap = line + 1, 0.0, 0.0
                if line == LINES:
                    page, line = page + 1, 0
            left = used + gap
            used = left + length
            across = room - used if to_left else left
            placed.append(Placed(word, start, end, page, line, _MARGIN + across))
        return placed


def _runs_to_left(text: str) -> bool:
    """Whether most letters are of a script that runs from right to left."""
    kinds = [unicodedata.bidirectional(one) for one in text]
    return sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L")


def _font(path: Path | None, size: int, text: str) -> Any:
    """The font of a file, or of those at hand the first that lacks fewest characters of a text."""
    from PIL import ImageFont

    if path is not None:
        try:
            return ImageFont.truetype(str(path), size)
        except OSError as error:
            raise LiveccError(f"--font {path}: cannot be read as a font ({error})") from None
    fonts = [ImageFont.load_default(size)]
    for name in _KNOWN_FONTS if _lacking(fonts[0], text) else ():
        with suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return min(fonts, key=lambda font: len(_lacking(font, text)))


def _lacking(font: Any, text: str) -> str:
    """The characters of a text, each once, that a font does not have."""
    drawn = bytes(font.getmask(_LACKING))
    return "".join(
        one
        for one in dict.fromkeys(text)
        if not one.isspace()
        and not unicodedata.combining(one)
        and bytes(font.getmask(one)) == drawn
    )
