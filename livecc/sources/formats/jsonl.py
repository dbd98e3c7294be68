"""Input lines of the workflow, and lines of `yt-dlp -j`, which hold facts without captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson

from livecc.files.lines import JSON_LINES_SUFFIXES
from livecc.formats.input_lines import BadRecordError, parse_object
from livecc.sources.facts import facts_of
from livecc.sources.numbered_lines import numbered_lines
from livecc.sources.options import JsonLines
from livecc.sources.record import Video, path_of
from livecc.sources.registry import Bad, Entry, Line, WeakVideo

SUFFIXES = JSON_LINES_SUFFIXES
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
NO_CAPTIONS = "no captions: the line of yt-dlp tells of the video alone"


def read_dump(path: Path, part: JsonLines) -> Iterator[Entry]:
    """The videos of a file of lines."""
    for found in numbered_lines(path):
        if isinstance(found, Bad):
            yield found
        elif found[1].strip():
            yield _entry(*found, part)


def _entry(number: int, line: bytes, part: JsonLines) -> Entry:
    try:
        # A line break within a line would be taken for its end, and so is a byte order mark.
        line = line.removeprefix(b"\xef\xbb\xbf").strip()
        value = orjson.loads(line)
        if type(value) is dict and "video" not in value and type(value.get("id")) is str:
            video = Video(value["id"], path_of(part.video, value["id"]), facts_of(value))
            video.problem = NO_CAPTIONS
            return WeakVideo(video)
        value, video_path = parse_object(line)
    except orjson.JSONDecodeError as error:
        return Bad(f"line {number}", f"not JSON: {error}")
    except BadRecordError as error:
        return Bad(f"line {number}", str(error))
    name = value.get("id")
    if type(name) is not str or not name:
        name = id_of_path(video_path)
    if value.get("id") != name:
        value["id"] = name
        line = orjson.dumps(value)
    return Line(name, line)


def id_of_path(video: str) -> str:
    """The id of a video by its path: YouTube's id if its file is called so, or the path.

    Files of one name in several folders are different videos, unless the name is an id.
    """
    before, dot, _ = video.rpartition(".")
    path = before if dot and "/" not in _ else video
    stem = path.rpartition("/")[2]
    return stem if _YOUTUBE_ID.fullmatch(stem) else path
