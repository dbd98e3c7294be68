"""The two animations: bubble sort and the solar system."""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
from canvas import (
    CARD,
    CORAL,
    CREAM,
    GOLD,
    INK,
    LINE,
    MUTED,
    SCALE,
    SIZE,
    TEAL,
    TEAL_LIGHT,
    Canvas,
    Colour,
)
from PIL import Image

# --- bubble sort ----------------------------------------------------------------------------

BARS = (5, 3, 8, 2, 6, 4)
# The actions during each sentence: look at bars i and i+1, swap them, or settle bar i. "pass"
# starts a new pass from the left. The narration in texts.py follows these steps.
SORT_SCRIPT: dict[str, list[tuple[str, int]]] = {
    "p1a": [("pass", 1), ("look", 0)],
    "p1b": [("swap", 0)],
    "p1c": [("look", 1)],
    "p1d": [("swap", 2)],
    "p1e": [("swap", 3), ("swap", 4)],
    "p1f": [("settle", 5)],
    "p2a": [("pass", 2), ("look", 0)],
    "p2b": [("swap", 1), ("look", 2), ("swap", 3)],
    "p2c": [("settle", 4)],
    "p3a": [("pass", 3), ("swap", 0), ("look", 1), ("swap", 2), ("settle", 3)],
    "p4a": [("pass", 4), ("look", 0), ("look", 1)],
    "done": [("settle", 0)],
}


class SortScene:
    """Plays `SORT_SCRIPT` at the times of the spoken sentences."""

    def __init__(self, cues: list[tuple[str, float, float]]) -> None:
        self.events: list[tuple[float, float, str, int]] = []
        seen: set[str] = set()
        for cue, start, end in cues:
            actions = SORT_SCRIPT.get(cue, []) if cue not in seen else []
            seen.add(cue)
            timed = [a for a in actions if a[0] != "pass"]
            step = (end - start) / max(1, len(timed))
            at = start
            for kind, index in actions:
                if kind == "pass":
                    self.events.append((start, start, kind, index))
                    continue
                self.events.append((at + 0.15 * step, at + 0.95 * step, kind, index))
                at += step

    def frame(self, t: float) -> Image.Image:
        order = list(range(len(BARS)))
        settled: set[int] = set()
        looking: tuple[int, ...] = ()
        shift: dict[int, tuple[float, float]] = {}
        run = compared = swapped = 0
        for begin, end, kind, index in self.events:
            if t < begin:
                break
            if kind == "pass":
                run, looking = index, ()
            elif kind == "settle":
                # Settling bar 0 means that the whole list is in order.
                settled |= set(range(len(BARS))) if index == 0 else {index}
                looking = ()
            else:
                # A swap of the pair just compared is not a second comparison.
                compared += looking != (index, index + 1)
                looking = (index, index + 1)
                if kind == "swap":
                    swapped += 1
                    # Both bars are highlighted first, then move for at most 0.9 s.
                    move_from = max(begin + 0.35 * (end - begin), end - 0.9)
                    k = min(1.0, max(0.0, (t - move_from) / (end - move_from)))
                    k = k * k * (3 - 2 * k)
                    lift = 14 * math.sin(math.pi * k)
                    if k < 1:
                        shift = {index: (k, -lift), index + 1: (-k, 0.0)}
                    else:
                        order[index], order[index + 1] = order[index + 1], order[index]
        return self._draw(order, settled, looking, shift, run, compared, swapped)

    @staticmethod
    def _draw(
        order: list[int],
        settled: set[int],
        looking: tuple[int, ...],
        shift: dict[int, tuple[float, float]],
        run: int,
        compared: int,
        swapped: int,
    ) -> Image.Image:
        c = Canvas(CREAM)
        c.text((28, 20), "Bubble sort", 22, INK, bold=True)
        done = len(settled) == len(BARS)
        status = "Sorted" if done else f"Pass {run}" if run else "Unsorted"
        c.box((520, 18, 612, 46), 14, TEAL if done else CORAL)
        c.text((566, 32), status, 15, CARD, "mm", bold=True)
        c.line([(28, 58), (612, 58)], LINE, 1)
        c.line([(60, 300), (580, 300)], INK, 2)
        # Draw moving bars last, in front of the others.
        for slot in sorted(range(len(order)), key=lambda s: s in shift):
            value = BARS[order[slot]]
            dx, dy = shift.get(slot, (0.0, 0.0))
            x = 80 + 84 * (slot + dx)
            top = 300 - 26 * value + dy
            colour: Colour = TEAL_LIGHT
            if slot in looking:
                colour = CORAL
            elif slot in settled:
                colour = (104, 162, 104)
            c.box((x, top, x + 60, 299 + dy), 5, colour)
            c.text((x + 30, top + 18), str(value), 18, CARD if slot in looking else INK, "mm", True)
        if looking and not shift:
            x = 80 + 84 * looking[0]
            c.line([(x + 30, 308), (x + 30, 314), (x + 114, 314), (x + 114, 308)], CORAL, 2)
        c.text((60, 338), f"Comparisons: {compared}", 14, MUTED, "lm")
        c.text((580, 338), f"Swaps: {swapped}", 14, MUTED, "rm")
        return c.picture()


# --- solar system ---------------------------------------------------------------------------

SPACE: Colour = (14, 18, 38)
SUN = (320.0, 190.0)
TILT = 0.46  # orbits are viewed at an angle, so circles look flat
SECONDS_PER_YEAR = 9.0

# name, orbit radius and size in pixels, length of the year in Earth years, start angle, colour
PLANETS: list[tuple[str, float, float, float, float, Colour]] = [
    ("Mercury", 46, 3.5, 0.241, 0.4, (170, 166, 160)),
    ("Venus", 70, 5.5, 0.615, 2.2, (232, 200, 140)),
    ("Earth", 96, 6.0, 1.0, 4.0, (92, 152, 224)),
    ("Mars", 122, 4.5, 1.881, 5.3, (214, 104, 74)),
    ("Jupiter", 174, 13.0, 11.86, 0.0, (216, 176, 136)),
    ("Saturn", 216, 10.5, 29.46, 3.5, (226, 200, 150)),
    ("Uranus", 256, 8.0, 84.0, 5.6, (150, 212, 220)),
    ("Neptune", 294, 8.0, 164.8, 0.7, (92, 118, 220)),
]
HIGHLIGHT = {name.lower(): (name,) for name, *_ in PLANETS} | {"outer": ("Uranus", "Neptune")}


class SolarScene:
    """Planets on their orbits; the current one is labelled."""

    def __init__(self, cues: list[tuple[str, float, float]]) -> None:
        self.starts = [start for _, start, _ in cues]
        self.names = [cue for cue, _, _ in cues]
        self.sky = self._sky()

    @staticmethod
    def _sky() -> Image.Image:
        c = Canvas(SPACE)
        rng = np.random.default_rng(8)
        for _ in range(150):
            x, y = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1])
            level = int(rng.integers(60, 150))
            c.ellipse((x, y), rng.uniform(0.4, 1.0), fill=(level, level, level + 20))
        for _, radius, *_ in PLANETS:
            c.ellipse(SUN, radius, radius * TILT, outline=(52, 60, 92), width=1)
        for _ in range(260):
            angle, radius = rng.uniform(0, 2 * math.pi), rng.normal(147, 4.5)
            spot = (SUN[0] + radius * math.cos(angle), SUN[1] + radius * TILT * math.sin(angle))
            c.ellipse(spot, 0.7, fill=(112, 104, 96))
        for i in range(12):
            glow = i / 11
            fill = tuple(round(a + (b - a) * glow**2) for a, b in zip(SPACE, GOLD, strict=True))
            c.ellipse(SUN, 34 - 1.4 * i, fill=fill)
        c.ellipse(SUN, 17, fill=(255, 214, 110))
        c.text((24, 18), "The solar system", 20, (236, 232, 220), bold=True)
        return c.image

    def frame(self, t: float) -> Image.Image:
        c = Canvas(self.sky)
        now = self.names[max(0, bisect_right(self.starts, t) - 1)]
        shown = HIGHLIGHT.get(now, ())
        placed = []
        for name, radius, size, year, start, colour in PLANETS:
            angle = start - 2 * math.pi * t / (SECONDS_PER_YEAR * year)
            x = SUN[0] + radius * math.cos(angle)
            y = SUN[1] + radius * TILT * math.sin(angle)
            placed.append((y, x, name, size, colour))
        for y, x, name, size, colour in sorted(placed):
            self._planet(c, x, y, name, size, colour)
        for y, x, name, size, _ in placed:
            if name in shown:
                c.ellipse((x, y), size + 6, outline=GOLD, width=1.5)
                # The label is on the side away from the sun, on a patch of sky.
                half = c.width_of(name, 15) / 2 + 6
                side = 1 if y > SUN[1] else -1
                lx, ly = min(SIZE[0] - half - 4, max(half + 4, x)), y + side * (size + 19)
                c.box((lx - half, ly - 10, lx + half, ly + 10), 6, SPACE)
                c.text((lx, ly), name, 15, (255, 236, 190), "mm", bold=True)
        c.text(
            (24, 342), f"Earth years gone by: {t / SECONDS_PER_YEAR:.1f}", 13, (150, 158, 184), "lm"
        )
        return c.picture()

    @staticmethod
    def _planet(c: Canvas, x: float, y: float, name: str, size: float, colour: Colour) -> None:
        # Lighter towards the sun, so that each disc looks like a sphere.
        away = math.hypot(x - SUN[0], y - SUN[1]) or 1.0
        ux, uy = (SUN[0] - x) / away, (SUN[1] - y) / away
        for i in range(5):
            k = 0.55 + 0.12 * i
            shade = tuple(min(255, round(part * k)) for part in colour)
            c.ellipse(
                (x + ux * size * 0.09 * i, y + uy * size * 0.09 * i),
                size * (1 - 0.11 * i),
                fill=shade,
            )
        if name == "Jupiter":
            for dy in (-0.42, 0.0, 0.42):
                half = size * math.sqrt(1 - dy * dy) * 0.86
                c.line([(x - half, y + dy * size), (x + half, y + dy * size)], (174, 128, 96), 2)
        if name == "Saturn":
            for ring, tone in ((2.05, (190, 168, 130)), (1.65, (222, 204, 166))):
                box = [
                    ((x - size * ring) * SCALE, (y - size * ring * 0.36) * SCALE),
                    ((x + size * ring) * SCALE, (y + size * ring * 0.36) * SCALE),
                ]
                # Only the near half of the ring passes in front of the planet.
                c.draw.arc(box, -8, 188, fill=tone, width=2 * SCALE)
                c.draw.arc(box, 188, 205, fill=tone, width=2 * SCALE)
                c.draw.arc(box, 335, 352, fill=tone, width=2 * SCALE)
