"""srv1, srv2 and srv3, YouTube's forms of captions in XML. No library tested reads them.

srv3 has a paragraph per line (`<p t= d=>`, milliseconds) and, in automatic captions, a segment per
word (`<s t=>`, from the start of its paragraph). srv2 has `<text t= d= append=>`; what is appended
continues its line with a time of its own. srv1 has `<text start= dur=>` in seconds, with entities
encoded twice.
"""

from __future__ import annotations

import html
from xml.etree import ElementTree

from livecc.sources.readers.track import (
    MOST_WORD_MS,
    Piece,
    Track,
    without_times,
    words_of,
)
from livecc.sources.readers.xml_tree import local_name, parsed
from livecc.sources.record import UnreadableError, is_amount

Line = tuple[float, float, str]


def read(data: bytes) -> Track:
    """The captions in an srv1, srv2 or srv3 file. Raises UnreadableError."""
    root = parsed(data)
    elements = list(root.iter())
    if any(local_name(one) == "p" for one in elements):
        return _srv3(elements)
    texts = [one for one in elements if local_name(one) == "text"]
    if local_name(root) not in ("transcript", "timedtext"):
        raise UnreadableError("no captions of YouTube: neither timedtext nor transcript")
    if texts and texts[0].get("start") is not None:
        return _srv1(texts)
    return _srv2(texts)


def _srv3(elements: list[ElementTree.Element]) -> Track:
    pieces: list[Piece] = []
    lines: list[Line] = []
    told = False
    timeless = 0
    for paragraph in elements:
        start = _ms(paragraph, "t")
        if local_name(paragraph) != "p":
            continue
        if start is None:
            timeless += _says_something(paragraph)
            continue
        texts: list[str] = []
        if paragraph.text:
            pieces.append((start, paragraph.text, True))
            texts.append(paragraph.text)
        for inner in paragraph:
            text = "".join(inner.itertext())
            if local_name(inner) == "br":
                text = "\n"
            offset = _ms(inner, "t")
            told |= offset is not None
            if text:
                pieces.append((start + (offset or 0), text, not texts))
                texts.append(text)
            if inner.tail:
                pieces.append((start + (offset or 0), inner.tail, not texts))
                texts.append(inner.tail)
        _add(lines, start, _ms(paragraph, "d"), "".join(texts))
    return _track(lines, pieces if told else None, timeless)


def _srv2(texts: list[ElementTree.Element]) -> Track:
    pieces: list[Piece] = []
    lines: list[Line] = []
    told = False
    timeless = 0
    for one in texts:
        start, duration = _ms(one, "t"), _ms(one, "d")
        text = "".join(one.itertext())
        if start is None:
            timeless += _says_something(one)
            continue
        appended = one.get("append") == "1" and bool(lines)
        if text.strip():
            pieces.append((start, text, not appended))
        if appended and text.strip():
            told = True
            begin, end, before = lines[-1]
            after = start + (MOST_WORD_MS if duration is None else duration)
            lines[-1] = begin, max(end, after), (before + text).replace("\n", " ").strip(" ")
        else:
            _add(lines, start, duration, text)
    return _track(lines, pieces if told else None, timeless)


def _srv1(texts: list[ElementTree.Element]) -> Track:
    lines: list[Line] = []
    timeless = 0
    for one in texts:
        start, duration = _ms(one, "start", 1000), _ms(one, "dur", 1000)
        if start is not None:
            _add(lines, start, duration, html.unescape("".join(one.itertext())))
        else:
            timeless += _says_something(one)
    return _track(lines, None, timeless)


def _ms(element: ElementTree.Element, name: str, unit: float = 1) -> float | None:
    text = element.get(name, "")
    if text.isascii() and text.isdigit() and len(text) < 12 and unit == 1:
        return int(text)
    try:
        value = float(text) * unit
    except ValueError:
        return None
    return value if is_amount(value) else None


def _add(lines: list[Line], start: float, duration: float | None, text: str) -> None:
    text = text.replace("\n", " ").strip(" ")
    if text:
        lines.append((start, start + (MOST_WORD_MS if duration is None else duration), text))


def _says_something(element: ElementTree.Element) -> bool:
    return bool("".join(element.itertext()).strip())


def _track(lines: list[Line], pieces: list[Piece] | None, timeless: int) -> Track:
    """The track; `timeless`: lines without a usable time, which are not among `lines`."""
    if timeless and not lines:
        raise without_times(timeless, "line")
    return Track(lines, None if pieces is None else words_of(pieces))
