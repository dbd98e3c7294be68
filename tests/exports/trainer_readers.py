"""How the readers of two trainers find the samples of a training file.

Written from what `data/lmm_dataset.py` of showlab/livecc and `streaming_vlm/data/lmm_dataset.py` of
mit-han-lab/streaming-vlm do; both open the file as text for each sample, seek, and parse one line.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def livecc_offsets(path: Path) -> list[int]:
    """The last line, found from the end, of which the last byte is taken for a line break."""
    with path.open("rb") as stream:
        stream.seek(-2, os.SEEK_END)
        while stream.read(1) != b"\n":
            stream.seek(-2, os.SEEK_CUR)
        offsets: list[int] = json.loads(stream.readline())
        return offsets


def streaming_vlm_offsets(path: Path) -> list[int]:
    """One JSON value in a file beside it, named without "_with_seeks"."""
    assert path.name.endswith(".jsonl")
    stem = path.name.replace("_with_seeks", "").rsplit(".jsonl", 1)[0]
    with path.with_name(f"{stem}_seeks.jsonl").open() as stream:
        offsets: list[int] = json.load(stream)
        return offsets


def conversation(path: Path, offset: int) -> Any:
    """A sample as both take it."""
    with path.open() as stream:
        stream.seek(offset)
        return json.loads(stream.readline())


def streaming_vlm_phrases(sample: Any, seconds: float) -> list[str]:
    """What StreamingVLM's reader says in each second of a sample, of so many seconds.

    It takes the times of `video_start`, not of frames, needs just two elements of the user, and
    words that have ended are said; after the last word nothing is.
    """
    video, _query = sample[0]["content"]
    stream = sample[1]["content"][0]["text_stream"]
    said, phrases = 0, []
    for second in range(1, int(seconds) + 1):
        words = []
        while said < len(stream) and video["video_start"] + second >= stream[said][1]:
            words.append(stream[said][2].strip())
            said += 1
        phrases.append(" ".join(words))
    return phrases
