"""The narrated slide shows (paper boat, pour-over coffee) and the still title cards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from canvas import (
    CARD,
    COFFEE,
    CORAL,
    CREAM,
    GOLD,
    INK,
    LINE,
    MUTED,
    TEAL,
    TEAL_LIGHT,
    WATER,
    Canvas,
    Colour,
    Point,
)
from PIL import Image

PAPER, PAPER_BACK = CARD, TEAL_LIGHT
MIDDLE = (462.0, 184.0)  # centre of the diagram card
_CARD_BOX = (312.0, 62.0, 612.0, 306.0)


@dataclass(frozen=True)
class Slide:
    """One step: its number (empty for the title), heading, notes and diagram."""

    number: str
    heading: str
    notes: tuple[str, ...]
    diagram: Callable[[Canvas], None]


def around(*points: Point) -> list[Point]:
    """Converts points relative to the middle of the diagram card."""
    return [(MIDDLE[0] + x, MIDDLE[1] + y) for x, y in points]


def render(slide: Slide, series: str) -> Image.Image:
    """Lay out one slide: text on the left, diagram card on the right."""
    c = Canvas(CREAM)
    c.text((28, 22), series.upper(), 11, TEAL, bold=True)
    c.line([(28, 44), (612, 44)], LINE, 1)
    c.box(_CARD_BOX, 12, CARD, LINE)
    y = 78.0
    if slide.number:
        c.ellipse((46, 88), 18, fill=CORAL)
        c.text((46, 88), slide.number, 19, CARD, anchor="mm", bold=True)
        y = 122.0
    y = c.wrapped((28, y), slide.heading, 25, 270, INK) + 10
    for note in slide.notes:
        c.ellipse((33, y + 9), 2.5, fill=CORAL)
        y = c.wrapped((44, y), note, 16, 254, MUTED) + 6
    slide.diagram(c)
    return c.picture()


def with_progress(picture: Image.Image, share: float) -> Image.Image:
    """Add the progress bar of the talk."""
    frame = picture.copy()
    frame.paste(LINE, (28, 332, 612, 336))
    frame.paste(TEAL, (28, 332, 28 + max(1, round(584 * share)), 336))
    return frame


def title_card(title: str, subtitle: str, colour: Colour) -> Image.Image:
    """A still card for the short extra videos."""
    c = Canvas(CREAM)
    c.box((60, 80, 580, 280), 16, CARD, LINE)
    c.box((60, 80, 74, 280), 7, colour)
    c.text((104, 150), title, 34, INK, anchor="lm", bold=True)
    c.text((104, 206), subtitle, 17, MUTED, anchor="lm")
    return c.picture()


# --- paper boat -----------------------------------------------------------------------------


def boat_finished(c: Canvas) -> None:
    c.polygon(around((0, -84), (-44, 22), (44, 22)), PAPER)
    c.polygon(around((-110, -28), (-44, 22), (44, 22), (110, -28), (66, 62), (-66, 62)), PAPER_BACK)
    c.line(around((-44, 22), (0, 62), (44, 22)), INK)
    for row in range(3):
        wave = [(x, 66 + row * 14 + 4 * math.sin(x / 11 + row * 2)) for x in range(-128, 129, 4)]
        c.line(around(*wave), WATER, 3)


def boat_half(c: Canvas) -> None:
    c.polygon(around((-66, -96), (66, -96), (66, 96), (-66, 96)), PAPER)
    c.dashes(*around((-66, 0), (66, 0)))
    c.arrow(*around((78, -88), (78, 84)), bend=-0.18)
    c.text(around((0, -48))[0], "top", 14, MUTED, "mm")
    c.text(around((0, 50))[0], "bottom", 14, MUTED, "mm")


def boat_corners(c: Canvas) -> None:
    for side in (-1, 1):
        c.dashes(*around((side * 104, -78), (side * 104, 26)))
        c.dashes(*around((0, -78), (side * 104, -78)))
    c.polygon(around((-104, 26), (104, 26), (104, 70), (-104, 70)), PAPER)
    c.polygon(around((0, -78), (-104, 26), (104, 26)), PAPER_BACK)
    c.line(around((0, -78), (0, 26)), INK)
    c.dashes(*around((0, 26), (0, 70)))
    c.arrow(*around((-100, -74), (-26, -2)), bend=-0.25)
    c.arrow(*around((100, -74), (26, -2)), bend=0.25)


def boat_hat(c: Canvas) -> None:
    c.polygon(around((0, -88), (-122, 34), (122, 34)), PAPER_BACK)
    c.line(around((0, -88), (0, 34)), INK)
    c.polygon(around((-122, 34), (122, 34), (84, -4), (-84, -4)), PAPER)
    for side in (-1, 1):
        c.dashes(*around((side * 122, 34), (side * 122, 74)))
    c.dashes(*around((-122, 74), (122, 74)))
    c.arrow(*around((0, 76), (0, 12)))


def boat_press(c: Canvas) -> None:
    c.polygon(around((0, -68), (-122, 54), (122, 54)), PAPER_BACK)
    c.line(around((0, -68), (0, 54)), INK)
    c.polygon(around((-122, 54), (122, 54), (84, 16), (-84, 16)), PAPER)
    c.arrow(*around((-98, -6), (-30, -74)))
    c.arrow(*around((98, -6), (30, -74)))
    c.arrow(*around((-90, 76), (90, 76)))


def boat_diamond(c: Canvas) -> None:
    c.polygon(around((0, -92), (92, 0), (0, 92), (-92, 0)), PAPER_BACK)
    c.polygon(around((-92, 0), (0, 92), (92, 0)), PAPER)
    c.line(around((0, 0), (0, 92)), INK)
    c.dashes(*around((0, -92), (0, 0)))
    c.arrow(*around((-84, -62), (-128, -18)), bend=-0.2)
    c.arrow(*around((84, -62), (128, -18)), bend=0.2)


def boat_small_triangle(c: Canvas) -> None:
    c.dashes(*around((-104, 26), (0, 100)))
    c.dashes(*around((104, 26), (0, 100)))
    c.polygon(around((0, -84), (104, 26), (-104, 26)), PAPER_BACK)
    c.polygon(around((0, -66), (86, 26), (-86, 26)), PAPER)
    c.line(around((0, -66), (0, 26)), INK)
    c.arrow(*around((10, 92), (14, -24)), bend=0.25)


def boat_small_diamond(c: Canvas) -> None:
    c.polygon(around((0, -70), (70, 0), (0, 70), (-70, 0)), PAPER_BACK)
    c.line(around((0, -70), (0, 70)), INK)
    c.dashes(*around((-70, 0), (70, 0)))
    c.arrow(*around((-84, -46), (-122, 0)), bend=-0.2)
    c.arrow(*around((84, -46), (122, 0)), bend=0.2)


def boat_pull(c: Canvas) -> None:
    c.polygon(around((0, -50), (-42, 30), (42, 30)), PAPER)
    c.polygon(around((-84, -46), (-42, 30), (42, 30), (84, -46), (60, 76), (-60, 76)), PAPER_BACK)
    c.line(around((-42, 30), (0, 76), (42, 30)), INK)
    c.arrow(*around((-82, -62), (-130, -44)), bend=-0.2)
    c.arrow(*around((82, -62), (130, -44)), bend=0.2)


PAPER_BOAT = {
    "title": Slide("", "Fold a paper boat", ("One sheet of paper", "Seven steps"), boat_finished),
    "one": Slide(
        "1", "Fold in half", ("Short side at the top", "Top edge to bottom edge"), boat_half
    ),
    "two": Slide(
        "2", "Corners to the line", ("Mark the centre", "Fold both corners"), boat_corners
    ),
    "three": Slide("3", "Make a hat", ("Front strip up", "Back strip up"), boat_hat),
    "pause": Slide("", "Press the creases", ("Take your time",), boat_press),
    "four": Slide("4", "Open to a diamond", ("Thumbs inside", "Tuck in one corner"), boat_diamond),
    "five": Slide("5", "Fold up the points", ("Front layer, then back",), boat_small_triangle),
    "six": Slide("6", "Open once more", ("Flatten to a diamond",), boat_small_diamond),
    "seven": Slide("7", "Pull and finish", ("Draw the two points apart",), boat_pull),
    "done": Slide(
        "", "Ready to sail", ("Sail in the middle", "Put it on the water"), boat_finished
    ),
}

# --- pour-over coffee -----------------------------------------------------------------------


def dripper(c: Canvas, dx: float = 0, dy: float = 0, water: bool = False) -> None:
    """A cone with a filter standing on a glass server."""

    def at(*points: Point) -> list[Point]:
        return around(*[(x + dx, y + dy) for x, y in points])

    if water:
        c.polygon(at((-46, 62), (46, 62), (50, 88), (-50, 88)), COFFEE, None)
    c.line(at((-30, 16), (-44, 48), (-50, 90), (50, 90), (44, 48), (30, 16)), INK, 2)
    c.polygon(at((-62, -64), (62, -64), (16, 6), (-16, 6)), CARD)
    c.polygon(at((-68, -54), (68, -54), (20, 10), (-20, 10)), TEAL_LIGHT)
    c.polygon(at((-42, 8), (42, 8), (42, 16), (-42, 16)), TEAL)


def kettle(c: Canvas, dx: float, dy: float) -> None:
    def at(*points: Point) -> list[Point]:
        return around(*[(x + dx, y + dy) for x, y in points])

    c.line(at((34, -6), (50, -26), (52, 18), (36, 26)), INK, 4)
    c.line(at((-30, 20), (-48, 10), (-54, -22), (-68, -26)), INK, 5)
    c.polygon(at((-24, -24), (24, -24), (38, 34), (-38, 34)), GOLD)
    c.polygon(at((-8, -34), (8, -34), (22, -24), (-22, -24)), INK)


def coffee_title(c: Canvas) -> None:
    dripper(c, -34, 14, water=True)
    kettle(c, 82, -72)
    c.line(around((14, -98), (4, -92), (-2, -54)), WATER, 3)


def coffee_weigh(c: Canvas) -> None:
    c.polygon(around((-48, 28), (-24, -18), (0, -32), (24, -18), (48, 28)), COFFEE, None)
    c.polygon(around((-70, -6), (70, -6), (52, 42), (-52, 42)), TEAL_LIGHT)
    c.box((MIDDLE[0] - 92, MIDDLE[1] + 44, MIDDLE[0] + 92, MIDDLE[1] + 88), 8, INK)
    c.box((MIDDLE[0] - 44, MIDDLE[1] + 52, MIDDLE[0] + 44, MIDDLE[1] + 80), 4, CARD)
    c.text(around((0, 66))[0], "15.0 g", 19, INK, "mm", bold=True)
    c.text(around((0, -72))[0], "coarse sand", 16, MUTED, "mm")


def coffee_rinse(c: Canvas) -> None:
    dripper(c, 0, 14)
    for x in (-28, 0, 28):
        c.line(around((x, -104), (x, -62)), WATER, 4)
    for y in (40, 58, 76):
        c.line(around((0, y), (0, y + 8)), WATER, 4)


def bed_from_above(c: Canvas) -> None:
    c.ellipse(MIDDLE, 100, fill=TEAL_LIGHT, outline=INK)
    c.ellipse(MIDDLE, 88, fill=CARD, outline=LINE)
    c.ellipse(MIDDLE, 74, fill=COFFEE)


def coffee_bloom(c: Canvas) -> None:
    bed_from_above(c)
    # A golden-angle spiral spreads the bubbles without a pattern.
    for i in range(1, 26):
        angle, radius = i * 2.399, 12.5 * math.sqrt(i)
        spot = around((radius * math.cos(angle), radius * math.sin(angle)))[0]
        c.ellipse(spot, 3 + i % 4, fill=(150, 106, 80), outline=(196, 154, 122), width=1)
    c.box((MIDDLE[0] + 62, MIDDLE[1] - 108, MIDDLE[0] + 136, MIDDLE[1] - 80), 8, CORAL)
    c.text(around((99, -94))[0], "0:30", 17, CARD, "mm", bold=True)


def coffee_pour(c: Canvas) -> None:
    bed_from_above(c)
    spiral = []
    for i in range(160):
        angle, radius = i / 8.2, 4 + i * 0.37
        spiral.append((radius * math.cos(angle), radius * math.sin(angle)))
    c.line(around(*spiral), WATER, 4)
    c.arrow(*around(spiral[-3], (72, 34)), colour=WATER)
    c.box((MIDDLE[0] + 58, MIDDLE[1] - 108, MIDDLE[0] + 138, MIDDLE[1] - 80), 8, CORAL)
    c.text(around((98, -94))[0], "250 g", 17, CARD, "mm", bold=True)


def coffee_taste(c: Canvas) -> None:
    for x in (-24, 6, 36):
        c.line(around(*[(x + 6 * math.sin(y / 9), y) for y in range(-96, -44, 3)]), LINE, 3)
    c.ellipse(around((72, 6))[0], 26, 24, outline=INK, width=5)
    c.polygon(around((-64, -30), (76, -30), (54, 58), (-42, 58)), TEAL)
    c.ellipse(around((6, -30))[0], 70, 12, fill=COFFEE, outline=INK)
    c.ellipse(around((6, 68))[0], 96, 11, fill=CREAM, outline=INK)
    c.text(around((6, 98))[0], "about 3 minutes", 16, MUTED, "mm")


COFFEE_SLIDES = {
    "title": Slide(
        "", "Pour-over coffee", ("Dripper and filter", "Beans, kettle, scale"), coffee_title
    ),
    "one": Slide(
        "1", "Heat and weigh", ("Water just off the boil", "15 g of coffee"), coffee_weigh
    ),
    "two": Slide("2", "Rinse the filter", ("No taste of paper", "A warm cup"), coffee_rinse),
    "three": Slide(
        "3", "Let it bloom", ("Wet all of the grounds", "Wait 30 seconds"), coffee_bloom
    ),
    "four": Slide("4", "Pour in circles", ("From the middle outward", "Up to 250 g"), coffee_pour),
    "five": Slide(
        "5", "Taste and adjust", ("Sour: grind finer", "Bitter: grind coarser"), coffee_taste
    ),
}
