"""HowTo100M: raw_caption.json with captions, HowTo100M_v1.csv with ids.

The categories of the table are WikiHow's, not YouTube's, so they are not taken for categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livecc.sources.json_entries import items_of_object
from livecc.sources.options import HowTo100M
from livecc.sources.parallel import lines_of
from livecc.sources.record import UnreadableError, Video, path_of
from livecc.sources.registry import Bad, Entry, WeakVideo
from livecc.sources.rows import csv_rows

SUFFIXES = (".json", ".json.gz", ".csv")
NO_CAPTIONS = "no captions: HowTo100M's table has its id, raw_caption.json has no captions of it"


def read_dump(path: Path, part: HowTo100M) -> Iterator[Entry]:
    """The videos of either file; those of the table give way to others of the same id."""
    if path.name.endswith((".csv", ".csv.gz")):
        for row in csv_rows(path):
            if isinstance(row, Bad):
                yield row
            elif row[1].get("video_id"):
                name = row[1]["video_id"]
                yield WeakVideo(Video(name, path_of(part.video, name), problem=NO_CAPTIONS))
            else:
                yield Bad(f"line {row[0]}", 'there is no "video_id"')
        return
    for found in items_of_object(path):
        if isinstance(found, Bad):
            yield found
            continue
        name, value = found
        video = Video(name, path_of(part.video, name))
        lists = value if isinstance(value, dict) else {}
        try:
            video.subtitles = lines_of(
                lists.get("start"), lists.get("end"), lists.get("text"), "start, end and text"
            )
        except UnreadableError as error:
            video.problem = str(error)
        yield video
