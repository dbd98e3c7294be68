"""Folders that yt-dlp has filled, with any template of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from livecc.files.json_values import parse_lenient
from livecc.files.limits import MAX_INFO_FILE_BYTES
from livecc.sources.facts import facts_of
from livecc.sources.folder_video import video_with_captions
from livecc.sources.opening import read_file
from livecc.sources.options import YtDlp
from livecc.sources.record import Facts, UnreadableError, Video
from livecc.sources.registry import NoVideoError

#: What info files call what they are of, besides videos.
_LISTS = ("playlist", "multi_video")


def read_video(entry: Mapping[str, Any], folders: Sequence[Path], part: YtDlp, mode: str) -> Video:
    """The video that the files of an info file's stem are of."""
    if entry["info"] is None:
        return video_with_captions(entry, folders, part, mode, None, Facts())
    folder = folders[entry["root"]]
    try:
        info = read_info(folder / entry["folder"] / entry["info"], folder)
    except UnreadableError as error:
        return Video(entry["id"], entry["video"], problem=str(error))
    if info.get("_type") in _LISTS:
        raise NoVideoError("the info file of a playlist, not of a video")
    if info.get("id") != entry["id"]:
        # It was replaced since it was listed, or has no id that can be used.
        reason = (
            f"{entry['info']}: it has no usable id, or was replaced since it was listed; run again"
        )
        return Video(entry["id"], entry["video"], problem=reason)
    return video_with_captions(entry, folders, part, mode, info, facts_of(info))


def read_info(path: Path, inside: Path) -> dict[str, Any]:
    """What an info file holds. Raises UnreadableError."""
    data = read_file(path, MAX_INFO_FILE_BYTES, inside).removeprefix(b"\xef\xbb\xbf")
    try:
        info = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            info = parse_lenient(data)
        except (ValueError, UnicodeDecodeError):
            raise UnreadableError(f"{path.name}: no JSON: {error}") from None
    if type(info) is not dict:
        raise UnreadableError(f"{path.name}: no JSON object")
    return info
