"""YT-Temporal-180M: JSON lines with what youtube-dl said, and words with their starts.

`info["height"]` is of the 360p file that was taken, so the greatest height is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livecc.sources.facts import facts_of, id_of
from livecc.sources.json_entries import objects_of_lines
from livecc.sources.options import YtTemporal180M
from livecc.sources.readers.track import Piece, without_times, words_of
from livecc.sources.record import Video, is_amount, path_of
from livecc.sources.registry import Bad, Entry

SUFFIXES = (".jsonl.gz", ".jsonl", ".jsonl.zst")


def read_dump(path: Path, part: YtTemporal180M) -> Iterator[Entry]:
    """The videos of a file."""
    for found in objects_of_lines(path):
        if isinstance(found, Bad):
            yield found
            continue
        number, value = found
        info = value.get("info")
        name = id_of(info) if isinstance(info, dict) else None
        if name is None:
            yield Bad(f"line {number}", 'there is no id under "info"')
            continue
        assert isinstance(info, dict)
        video = Video(name, path_of(part.video, name), facts_of(info))
        video.facts.about["captions"] = "automatic"
        words = value.get("subtitles")
        if isinstance(words, list):
            video.subtitles = words_of(list(_pieces(words)))
            if words and not video.subtitles:
                video.problem = str(without_times(len(words), "word"))
        else:
            video.problem = 'no captions: "subtitles" is no list'
        yield video


def _pieces(words: list[Any]) -> Iterator[Piece]:
    for one in words:
        if isinstance(one, dict) and type(one.get("word")) is str and is_amount(one.get("time")):
            yield round(one["time"] * 1000, 3), one["word"], True
