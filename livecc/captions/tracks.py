"""Caption tracks as people said them: the one cleaning for every way in.

A source gives lines with their times, whatever its file looks like, and gets back lines that hold
speech alone, in order of time, each ending before the next begins. A source that knows the times of
words gives each word as a line of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from livecc.captions import rolling
from livecc.captions import text as text_kinds
from livecc.captions.order import cut_overlaps, order_of
from livecc.captions.text import clean_texts

ROLLING = "rolling lines"
MOVED = "lines moved"
OVERLAPS = "overlaps cut"
#: What cleaning counts, in the order in which it is reported: marks of each kind that were taken
#: out, rolling lines that lost what they repeat, lines that started before the one in front of
#: them, and lines that overlapped the next one.
KINDS = (*text_kinds.KINDS, ROLLING, MOVED, OVERLAPS)

#: Why a line is not among the cleaned ones: nothing but markup, nothing but white space, nothing
#: that the line before did not say (rolling captions).
MARKUP, NO_WORDS, REPEATED = "markup", "no words", "repeats the line before"
LEFT_OUT = (MARKUP, NO_WORDS, REPEATED)

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


class CleanTracks(NamedTuple):
    """Lines of cleaned tracks, track after track, in order of time.

    `texts`: n lines; `start`, `end`: (n,) seconds, rising within a track; `track`: (n,) the track
    of each line; `line`: (n,) its index in what was given. `counts`: (n_tracks, len(KINDS)) how
    often each kind was found; `left_out`: (n_tracks, len(LEFT_OUT)) number of lines that are not
    here, by reason.
    """

    texts: list[str]
    start: FloatArray
    end: FloatArray
    track: IntArray
    line: IntArray
    counts: IntArray
    left_out: IntArray


def clean_tracks(
    texts: Sequence[str], start: FloatArray, end: FloatArray, track: IntArray, n_tracks: int
) -> CleanTracks:
    """Clean the caption lines of several tracks at once; the tracks do not affect each other.

    `texts`: n lines; `start`, `end`: (n,) seconds with start < end; `track`: (n,) rising indices
    below `n_tracks`. Every line is returned, or counted in `left_out`; whatever changes it is
    counted in `counts`.
    """
    counts = np.zeros((n_tracks, len(KINDS)), np.int64)
    left_out = np.zeros((n_tracks, len(LEFT_OUT)), np.int64)
    lines, found = clean_texts(texts, track)
    for index, kind, count in found:
        counts[track[index], KINDS.index(kind)] += count
    line = np.arange(len(lines))

    if not all(lines) or any(map(str.isspace, lines)):
        empty = [index for index, text in enumerate(lines) if not text or text.isspace()]
        for index in empty:
            had_words = bool(texts[index]) and not texts[index].isspace()
            reason = MARKUP if had_words else NO_WORDS
            left_out[track[index], LEFT_OUT.index(reason)] += 1
        lines, start, end, track, line = _without(empty, lines, start, end, track, line)

    order, moved = order_of(start, track)
    if order is not None:
        np.add.at(counts[:, KINDS.index(MOVED)], track[moved], 1)
        lines = [lines[index] for index in order.tolist()]
        start, end, track, line = start[order], end[order], track[order], line[order]

    repeats: list[int] = []
    for number in rolling.rolling_tracks(lines, track, n_tracks).tolist():
        first, last = np.searchsorted(track, [number, number + 1]).tolist()
        said = rolling.undo(lines[first:last], start[first:last], end[first:last])
        if said is None:
            continue
        for index, new in enumerate(said, first):
            if not new:
                repeats.append(index)
                left_out[number, LEFT_OUT.index(REPEATED)] += 1
            elif len(new) < len(" ".join(lines[index].split())):
                lines[index] = new
                counts[number, KINDS.index(ROLLING)] += 1
    if repeats:
        lines, start, end, track, line = _without(repeats, lines, start, end, track, line)

    sizes = np.fromiter(map(len, lines), np.int64, len(lines))
    start, end, overlaps = cut_overlaps(start, end, track, sizes)
    if len(overlaps):
        np.add.at(counts[:, KINDS.index(OVERLAPS)], track[overlaps], 1)
    return CleanTracks(lines, start, end, track, line, counts, left_out)


def _without(
    indices: Sequence[int], lines: list[str], *columns: np.ndarray[Any, Any]
) -> tuple[Any, ...]:
    """The lines and columns without some of their rows."""
    stays = np.ones(len(lines), np.bool_)
    stays[list(indices)] = False
    kept = [lines[index] for index in np.flatnonzero(stays).tolist()]
    return kept, *(column[stays] for column in columns)


def by_kind(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts above 0, in the order of KINDS."""
    return {kind: counts[kind] for kind in KINDS if counts.get(kind)}


def counts_text(names: Iterable[str], counts: Iterable[int]) -> str:
    """Counts by name as the text of a table: "zero length: 3; markup: 12"."""
    return "; ".join(f"{name}: {count}" for name, count in zip(names, counts, strict=True) if count)


def counts_of(text: str) -> Counter[str]:
    """The counts by name in such a text."""
    counts: Counter[str] = Counter()
    for part in text.split("; ") if text else ():
        name, _, count = part.rpartition(": ")
        counts[name] += int(count)
    return counts
