"""Colours, fonts and a few shapes shared by the drawn videos."""

from __future__ import annotations

import math
from functools import cache

from PIL import Image, ImageDraw, ImageFont

SIZE = (640, 360)
SCALE = 2  # frames are drawn at twice the size and scaled down for smooth edges

Point = tuple[float, float]
Colour = tuple[int, ...]

CREAM: Colour = (248, 243, 232)
CARD: Colour = (255, 252, 245)
INK: Colour = (44, 54, 66)
MUTED: Colour = (120, 126, 132)
LINE: Colour = (214, 206, 190)
TEAL: Colour = (38, 120, 126)
TEAL_LIGHT: Colour = (122, 184, 184)
CORAL: Colour = (224, 108, 82)
GOLD: Colour = (230, 172, 72)
COFFEE: Colour = (98, 64, 46)
WATER: Colour = (120, 178, 208)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in font, so that no font file is needed."""
    loaded = ImageFont.load_default(size * SCALE)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType, so it cannot scale text")
    return loaded


class Canvas:
    """A drawing surface in 640 x 360 coordinates, whatever its real resolution."""

    def __init__(self, background: Colour | Image.Image) -> None:
        big = (SIZE[0] * SCALE, SIZE[1] * SCALE)
        if isinstance(background, Image.Image):
            self.image = background.copy()
        else:
            self.image = Image.new("RGB", big, background)
        self.draw = ImageDraw.Draw(self.image)

    def picture(self) -> Image.Image:
        """The finished frame at its final size."""
        return self.image.resize(SIZE, Image.Resampling.BOX)

    @staticmethod
    def _xy(points: list[Point]) -> list[Point]:
        return [(x * SCALE, y * SCALE) for x, y in points]

    def polygon(self, points: list[Point], fill: Colour, outline: Colour | None = INK) -> None:
        self.draw.polygon(self._xy(points), fill=fill)
        if outline:
            self.line([*points, points[0]], outline)

    def line(self, points: list[Point], colour: Colour = INK, width: float = 1.5) -> None:
        self.draw.line(self._xy(points), fill=colour, width=round(width * SCALE), joint="curve")

    def dashes(self, start: Point, end: Point, *, colour: Colour = MUTED) -> None:
        """A dashed line, marking a fold."""
        length = math.dist(start, end)
        count = max(1, int(length // 9))
        for i in range(count):
            a, b = i / count, (i + 0.55) / count
            dx, dy = end[0] - start[0], end[1] - start[1]
            ends = [(start[0] + dx * k, start[1] + dy * k) for k in (a, b)]
            self.line(ends, colour)

    def ellipse(
        self,
        centre: Point,
        rx: float,
        ry: float | None = None,
        fill: Colour | None = None,
        outline: Colour | None = None,
        width: float = 1.5,
    ) -> None:
        (x, y), ry = centre, rx if ry is None else ry
        box = self._xy([(x - rx, y - ry), (x + rx, y + ry)])
        self.draw.ellipse(box, fill=fill, outline=outline, width=round(width * SCALE))

    def box(
        self,
        corners: tuple[float, float, float, float],
        radius: float,
        fill: Colour,
        outline: Colour | None = None,
    ) -> None:
        x0, y0, x1, y1 = corners
        points = self._xy([(x0, y0), (x1, y1)])
        self.draw.rounded_rectangle(points, radius * SCALE, fill=fill, outline=outline, width=SCALE)

    def text(
        self,
        at: Point,
        words: str,
        size: int,
        colour: Colour = INK,
        anchor: str = "la",
        bold: bool = False,
    ) -> None:
        # Pillow's font has one weight; a thin outline in the same colour makes it bolder.
        (point,) = self._xy([at])
        self.draw.text(
            point,
            words,
            fill=colour,
            font=font(size),
            anchor=anchor,
            stroke_width=0.4 * SCALE if bold else 0,
        )

    def width_of(self, words: str, size: int) -> float:
        return font(size).getlength(words) / SCALE

    def wrapped(self, at: Point, words: str, size: int, width: float, colour: Colour) -> float:
        """Write left-aligned lines no wider than `width`; returns the y below the last one."""
        x, y = at
        line = ""
        for word in [*words.split(), ""]:
            longer = f"{line} {word}".strip()
            if not word or self.width_of(longer, size) > width:
                self.text((x, y), line, size, colour)
                y += size * 1.4
                longer = word
            line = longer
        return y

    def arrow(self, start: Point, end: Point, *, bend: float = 0.0, colour: Colour = CORAL) -> None:
        """A curved arrow; `bend` shifts its middle sideways by this fraction of its length."""
        (x0, y0), (x1, y1) = start, end
        mx = (x0 + x1) / 2 - (y1 - y0) * bend
        my = (y0 + y1) / 2 + (x1 - x0) * bend
        path: list[Point] = []
        for i in range(25):
            t = i / 24
            a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
            path.append((a * x0 + b * mx + c * x1, a * y0 + b * my + c * y1))
        self.line(path[:-2], colour, 3)
        heading = math.atan2(y1 - my, x1 - mx)
        head = [end]
        for turn in (2.6, -2.6):
            head.append((x1 + 11 * math.cos(heading + turn), y1 + 11 * math.sin(heading + turn)))
        self.polygon(head, colour, None)
