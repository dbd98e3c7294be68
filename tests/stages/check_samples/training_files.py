"""Small training files, written as the workflow writes them or spoilt."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from livecc.stages.check_samples.frame_times import Opened, OpenVideo, Window
from livecc.trainer.window import video_window

Words = list[list[Any]]


def words_until(start: float, end: float, count: int = 8) -> Words:
    """`count` words, one after the other, from `start` to `end`."""
    step = (end - start) / count
    return [
        [round(start + n * step, 2), round(start + (n + 1) * step, 2), f"w{n}"]
        for n in range(count)
    ]


def sample(video: str, words: Words, start: float | None = None, end: float | None = None) -> Any:
    """A sample; without times, with the window in which the reader says every word once."""
    if start is None or end is None:
        start, end = video_window(words[0][0], words[-1][1])
    return [
        {
            "role": "user",
            "content": [
                {"type": "video", "video": video, "video_start": start, "video_end": end},
                {"type": "text", "text": "", "previous": "", "title": "", "category": ""},
            ],
        },
        {"role": "assistant", "content": [{"type": "text_stream", "text_stream": words}]},
    ]


def write_training_file(path: Path, samples: Iterable[Any]) -> Path:
    """Samples as JSON, texts as they are; then the offsets."""
    offsets, data = [], b""
    for one in samples:
        offsets.append(len(data))
        data += (one if isinstance(one, str) else json.dumps(one)).encode() + b"\n"
    path.write_bytes(data + json.dumps(offsets).encode())
    return path


#: A video whose opening never ends.
HANGING = "hanging.mp4"


class HangingVideo(OpenVideo):
    """The task of worker processes, with a decoder that hangs at one file."""

    def __call__(self, clips: tuple[str, Sequence[Window]]) -> Opened:
        if clips[0] == HANGING:
            time.sleep(3600)
        return super().__call__(clips)
