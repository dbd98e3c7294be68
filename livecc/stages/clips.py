"""The clips of one video, from the times of its words: what both clip stages have in common.

In default mode a clip is as long as the window that its sample gets (`livecc.trainer.window`), and
a gap is silence: from the end of a word to the start of the next. In paper mode length and gaps are
measured between the ends of words, or between their starts, and the window reaches from the first
start to the last end, as in the original.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from livecc.formats.records import clip_row
from livecc.formats.unspaced import has_unspaced
from livecc.stages.spans import ClipOptions, FloatArray, greedy_spans
from livecc.trainer.window import longest_words, video_window


@dataclass(slots=True)
class Clips:
    """Rows of the table "clips" of a video, and what is told of it in a summary.

    `short_spans`: spans outside the limits of a clip. `seconds`: from the first start to the last
    end of each usable clip. `unclipped_seconds`: total length of the words in no clip.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    short_spans: int = 0
    seconds: float = 0.0
    unclipped_seconds: float = 0.0


def cut_clips(
    video: str,
    start: FloatArray,
    end: FloatArray,
    options: ClipOptions,
    paper_times: FloatArray,
    may_begin: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
) -> Clips:
    """Cut a video whose words are spoken from `start` to `end`, (n,) seconds each.

    `paper_times`: the times that length and gaps are measured between in paper mode. `may_begin`:
    (n,) where a clip may begin; None: anywhere.
    """
    paper = options.mode == "paper"
    if paper:
        begin, until, pause = paper_times, paper_times, paper_times[1:] - paper_times[:-1]
        longest = options.max_clip_seconds
    else:
        begin, until, pause = start, end, start[1:] - end[:-1]
        longest = longest_words(options.max_clip_seconds)
    spans = greedy_spans(
        begin,
        until,
        pause,
        longest,
        options.max_gap_seconds,
        last_word_belongs=not paper,
        may_begin=may_begin,
    )
    clips = Clips()
    lengths = end - start
    unclipped = lengths.sum()
    for first, last in spans:
        begins = start.item(first)
        if paper:
            if not paper_times[last - 1] - paper_times[first] >= options.min_clip_seconds:
                continue
            ends = end.item(last - 1)
            # The original counts speed from the end of the first word.
            row = clip_row(video, first, last, begins, ends, spoken_from=end.item(first))
        else:
            ends = end[first:last].max().item()
            window = video_window(begins, ends)
            if window.end - begins < options.min_clip_seconds:
                continue
            if window.end - window.start > options.max_clip_seconds:
                # A single word that is too long.
                continue
            row = clip_row(video, first, last, begins, ends, window)
        clips.rows.append(row)
        unclipped -= lengths[first:last].sum()
        if row["status"] == "ok":
            clips.seconds += ends - begins
    clips.short_spans = len(spans) - len(clips.rows)
    clips.unclipped_seconds = max(round(float(unclipped), 3), 0.0)
    return clips


class Words(Protocol):
    """Words by their numbers."""

    def __getitem__(self, number: int, /) -> str: ...


def name_units(rows: Iterable[dict[str, Any]], words: Words, unit: str) -> None:
    """Set what the speed of each clip counts: `unit`, if most of its words are of a script without
    spaces.

    `words`: (n,) of the whole video.
    """
    for row in rows:
        span = range(row["first_word"], row["last_word"])
        if 2 * sum(has_unspaced(words[number]) for number in span) > len(span):
            row["unit"] = unit
