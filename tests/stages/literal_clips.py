"""The clips of a video by plain loops over its words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from livecc.stages.spans import ClipOptions
from livecc.trainer.window import video_window


def literal_spans(
    start: Sequence[float],
    end: Sequence[float],
    options: ClipOptions,
    paper_times: Sequence[float],
    may_begin: Callable[[int], bool] = lambda _: True,
) -> tuple[list[tuple[int, int]], int]:
    """(spans [i, j) of words that are clips, number of spans that are not)."""
    paper = options.mode == "paper"
    longest = options.max_clip_seconds
    # A window has 2.5 s and whole seconds, of which 0.1 s follow the last word, and 0.45 s more.
    most_words = min(math.floor(longest - 2.95), 237) + 2.4
    clips, others = [], 0
    i, n = 0, len(start)
    while i < (n - 1 if paper else n):
        if not may_begin(i):
            i += 1
            continue
        j = i + 1
        while j < n:
            if paper:
                length = paper_times[j] - paper_times[i] > longest
                gap = paper_times[j] - paper_times[j - 1]
            else:
                length = end[j] - start[i] > most_words
                gap = start[j] - end[j - 1]
            if length or gap > options.max_gap_seconds:
                break
            j += 1
        if j == n and paper:
            j = n - 1
        if paper:
            kept = paper_times[j - 1] - paper_times[i] >= options.min_clip_seconds
        else:
            # A single word may be too long; at the beginning of a video a bit more has room.
            window = video_window(start[i], max(end[i:j]))
            kept = window.end - start[i] >= options.min_clip_seconds
            kept = kept and window.end - window.start <= longest
        if kept:
            clips.append((i, j))
        else:
            others += 1
        i = j
    return clips, others
