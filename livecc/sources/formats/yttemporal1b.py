"""YT-Temporal-1B: JSON lines with words and their times in parallel lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livecc.sources.facts import facts_of, id_of
from livecc.sources.json_entries import objects_of_lines
from livecc.sources.options import YtTemporal1B
from livecc.sources.parallel import lines_of
from livecc.sources.record import UnreadableError, Video, path_of
from livecc.sources.registry import Bad, Entry

SUFFIXES = (".jsonl.gz", ".jsonl", ".jsonl.zst")
_STARTS, _ENDS, _WORDS = "subtitles_t_start", "subtitles_t_end", "subtitles_words"


def read_dump(path: Path, part: YtTemporal1B) -> Iterator[Entry]:
    """The videos of a file."""
    for found in objects_of_lines(path):
        if isinstance(found, Bad):
            yield found
            continue
        number, value = found
        name = id_of(value)
        if name is None:
            yield Bad(f"line {number}", "there is no id")
            continue
        video = Video(name, path_of(part.video, name), facts_of(value))
        video.facts.about["captions"] = "automatic"
        try:
            video.subtitles = lines_of(
                value.get(_STARTS), value.get(_ENDS), value.get(_WORDS), f"{_STARTS} and the others"
            )
        except UnreadableError as error:
            video.problem = str(error)
        yield video
