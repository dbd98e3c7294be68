"""VidChapters-7M: asr.pkl with what Whisper heard, chapters.json with durations and categories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livecc.sources.facts import facts_of
from livecc.sources.json_entries import items_of_object
from livecc.sources.options import VidChapters
from livecc.sources.parallel import lines_of
from livecc.sources.plain_pickle import items_of_dict
from livecc.sources.record import UnreadableError, Video, path_of
from livecc.sources.registry import Bad, Entry, FactsOf

SUFFIXES = (".pkl", ".json")


def read_dump(path: Path, part: VidChapters) -> Iterator[Entry]:
    """The videos of asr.pkl, or the facts of chapters.json."""
    if path.name.endswith((".pkl", ".pickle")):
        key = "its beginning"
        try:
            for key, value in items_of_dict(path):
                yield _video(key, value, part)
        except (UnreadableError, OSError) as error:
            yield Bad(f"after {str(key)[:100]}", str(error))
    else:
        for found in items_of_object(path):
            if isinstance(found, Bad):
                yield found
            elif isinstance(found[1], dict):
                yield FactsOf(found[0], facts_of(found[1]))
            else:
                yield Bad(f"the entry {found[0][:100]!r}", "no JSON object")


def _video(name: Any, value: Any, part: VidChapters) -> Entry:
    if type(name) is not str:
        return Bad(f"the entry {str(name)[:100]}", "its id is no text")
    video = Video(name, path_of(part.video, name))
    # Whisper has heard them, nobody has typed them.
    video.facts.about["captions"] = "automatic"
    if not isinstance(value, dict):
        video.problem = "no captions: its entry is no dict"
        return video
    try:
        video.subtitles = lines_of(
            value.get("start"), value.get("end"), value.get("text"), "start, end and text"
        )
    except UnreadableError as error:
        video.problem = str(error)
    return video
