"""TTML, as YouTube and others write it: paragraphs with a begin and an end or a duration.

pysubs2 reads TTML, but stops at a paragraph with `dur` in place of `end`, and counts no ticks and
frames; what it reads it takes for styled text (`{a, b}`). So paragraphs are read here.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from livecc.sources.readers.track import MOST_WORD_MS, Track, without_times
from livecc.sources.readers.xml_tree import local_name, parsed
from livecc.sources.record import UnreadableError, is_amount

_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d)(?:(\.\d+)|:(\d+))?")
_COUNT = re.compile(r"(\d+(?:\.\d+)?)(h|m|s|ms|f|t)")
_UNITS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0}


def read(data: bytes) -> Track:
    """The captions in a TTML file. Raises UnreadableError."""
    root = parsed(data)
    if local_name(root) != "tt":
        raise UnreadableError("no TTML: its root is not tt")
    rates = _rates(root)
    lines: list[tuple[float, float, str]] = []
    timeless = 0
    for paragraph in root.iter():
        if local_name(paragraph) != "p":
            continue
        text = " ".join("".join(_texts(paragraph)).split())
        start = _time(paragraph.get("begin"), rates)
        if start is None:
            timeless += text != ""
            continue
        end = _time(paragraph.get("end"), rates)
        if end is None:
            duration = _time(paragraph.get("dur"), rates)
            end = start + (MOST_WORD_MS if duration is None else duration)
        if text:
            lines.append((start, end, text))
    if timeless and not lines:
        raise without_times(timeless, "paragraph")
    language = root.get("{http://www.w3.org/XML/1998/namespace}lang")
    return Track(lines, None, language or None)


def _texts(paragraph: ElementTree.Element) -> list[str]:
    """The texts in a paragraph; a line break is a space."""
    texts = []
    waiting: list[ElementTree.Element | str] = [paragraph]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            texts.append(one)
            continue
        if local_name(one) == "br":
            texts.append(" ")
        elif local_name(one) == "metadata":
            continue
        for inner in reversed(one):
            if inner.tail:
                waiting.append(inner.tail)
            waiting.append(inner)
        if one.text:
            texts.append(one.text)
    return texts


def _rates(root: ElementTree.Element) -> dict[str, float]:
    """Milliseconds of each unit."""
    found = {}
    for name, value in root.attrib.items():
        try:
            found[name.rpartition("}")[2]] = float(value)
        except ValueError:
            continue
    frames = found.get("frameRate") or 30.0
    ticks = found.get("tickRate") or (frames if "frameRate" in found else 1.0)
    return {**_UNITS, "f": 1000 / frames, "t": 1000 / ticks}


def _time(text: str | None, rates: dict[str, float]) -> float | None:
    """A time expression in milliseconds; None if it is none."""
    if text is None or len(text) > 40:
        return None
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        hours, minutes, secs, fraction, frames = clock.groups()
        time = ((int(hours) * 60 + int(minutes)) * 60 + int(secs)) * 1000.0
        time += float(fraction or 0) * 1000 + int(frames or 0) * rates["f"]
    else:
        count = _COUNT.fullmatch(text.strip())
        if not count:
            return None
        time = float(count[1]) * rates[count[2]]
    return time if is_amount(time) else None
