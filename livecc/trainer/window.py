"""Where a sample's video starts and ends so that the trainer's reader says its last word once.

The reader (see `reader`) says words at the ends of its chunks, 0.5 s after each whole second from
the start of the clip. A last word is lost when the clip ends before the chunk that says it, and is
said twice when another chunk follows. So the start is put where a chunk ends just behind the last
word, and the end just behind that chunk's last frame: the clip needs as little of the video behind
its last word as can be.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from livecc.trainer.chunking import CHUNK_FRAMES, FIRST_FRAMES, FPS, MAX_FRAMES

#: From the end of the last word to the chunk's last frame, at least. More than rounding of times.
LEAD_SECONDS = 0.1
#: From there to the written end. Frames come up to two frame lengths late (the first frame of the
#: clip, and the one that is taken for a moment), so this allows rates from 4.5 frames a second.
#: From 0.5 s on, another chunk would follow.
SLACK_SECONDS = 0.45
#: Seconds of a chunk, and from a clip's start to the end of the first chunk.
_CHUNK = CHUNK_FRAMES / FPS
_FIRST = (FIRST_FRAMES - 1) / FPS
#: Length of the shortest window: the first chunk.
SHORTEST_WINDOW = _FIRST + SLACK_SECONDS
#: How near to the video's beginning the start cannot be moved back: then a last word that ends so
#: soon after a chunk moves the start forward. Two frames at 4.5 frames a second.
_CLOSE_SECONDS = 0.45


class Window(NamedTuple):
    """`video_start` and `video_end` of a sample, in seconds from the start of the video."""

    start: float
    end: float


def video_window(first_start: float, last_end: float) -> Window:
    """The window of a sample whose words begin at `first_start` and have ended at `last_end`.

    It starts at most a second before the first word, and ends 0.55 s after the last. Where that
    would be before the beginning of the video, it starts at the first word (or up to 0.55 s after
    its start) and ends up to 1.45 s after the last word. Times are rounded to milliseconds.
    """
    chunks = _chunks(last_end + LEAD_SECONDS - first_start)
    start = last_end + LEAD_SECONDS - _FIRST - chunks * _CHUNK
    if start < 0:
        start = first_start
        beyond = (last_end - start - _FIRST) % _CHUNK
        if beyond < _CLOSE_SECONDS:
            start += beyond + LEAD_SECONDS
        chunks = _chunks(last_end - start)
    return Window(round(start, 3), round(start + _FIRST + chunks * _CHUNK + SLACK_SECONDS, 3))


def _chunks(seconds: float) -> int:
    """How many chunks after the first it takes for so many seconds."""
    # Sums of times are rounded: 237.00000000000003 chunks are 237.
    return max(math.ceil(round((seconds - _FIRST) / _CHUNK, 6)), 0)


def longest_words(window_seconds: float) -> float:
    """The most seconds from the first start to the last end whose window is not longer than that.

    Never more than the reader's frames last. May be negative, when no window is so short.
    """
    frames = (MAX_FRAMES - 1) / FPS + SLACK_SECONDS
    chunks = math.floor((min(window_seconds, frames) - SLACK_SECONDS - _FIRST) / _CHUNK)
    return _FIRST + chunks * _CHUNK - LEAD_SECONDS if chunks >= 0 else -1.0
