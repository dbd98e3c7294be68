"""Folders of caption files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.sources.folder_video import video_with_captions
from livecc.sources.options import Captions
from livecc.sources.record import Facts, Video


def read_video(
    entry: Mapping[str, Any], folders: Sequence[Path], part: Captions, mode: str
) -> Video:
    """The video that caption files with one stem are of; the stem is its id."""
    return video_with_captions(entry, folders, part, mode, None, Facts())
