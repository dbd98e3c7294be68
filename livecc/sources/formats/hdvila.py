"""HD-VILA-100M: JSON lines with ids alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livecc.sources.facts import id_of
from livecc.sources.json_entries import objects_of_lines
from livecc.sources.options import HdVila
from livecc.sources.record import Video, path_of
from livecc.sources.registry import Bad, Entry, WeakVideo

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
NO_CAPTIONS = "no captions: HD-VILA-100M has ids alone"


def read_dump(path: Path, part: HdVila) -> Iterator[Entry]:
    """The videos of a file, each of which gives way to that of another part."""
    for found in objects_of_lines(path):
        if isinstance(found, Bad):
            yield found
            continue
        number, value = found
        name = id_of(value)
        if name is None:
            yield Bad(f"line {number}", "there is neither a video_id nor an address with one")
        else:
            yield WeakVideo(Video(name, path_of(part.video, name), problem=NO_CAPTIONS))
