"""Videos as items: the file that each names, or the row of one that must not be opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from livecc.formats.video_paths import RefusedVideoError, VideoFolder
from livecc.media.content import file_key
from livecc.scores.job import Item, Row, failed


def video_item(
    video: str, folder: VideoFolder, refused: Callable[[str], Row] = failed
) -> Item[Path]:
    """A video as an item whose input is its file.

    `refused` makes the row of a video that must not be opened, from the reason.
    """
    try:
        path = folder.file(video)
    except RefusedVideoError as error:
        return Item.without_engine(video, refused(str(error)))
    return Item(video, file_key(path), path)
