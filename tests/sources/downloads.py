"""Folders as yt-dlp fills them, and what a source makes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecc.files.lines import read_lines
from livecc.files.parquet import read_rows
from livecc.sources.listing import Listing, list_source
from livecc.sources.options import AnyPart, read_part
from livecc.sources.shard import write_shard
from livecc.sources.split import split_file
from tests.sources import caption_files
from tests.sources.caption_files import speech

#: When the sources are listed; files of the folders are an hour older.
NOW = 1_800_000_000.0


def info(video: str, **more: Any) -> dict[str, Any]:
    """What yt-dlp says of a video whose automatic captions are English."""
    return {
        "id": video,
        "title": f"Title of {video}",
        "formats": [
            {"format_id": "sb0", "vcodec": "none", "height": 2160},
            {"format_id": "140", "vcodec": "none", "acodec": "mp4a.40.2"},
            {"format_id": "135", "vcodec": "avc1.4d401f", "height": 480},
            {"format_id": "137", "vcodec": "avc1.640028", "height": 1080},
        ],
        "height": 360,
        "duration": 255,
        "categories": ["Howto & Style"],
        "language": "en",
        "live_status": "not_live",
        "upload_date": "20171229",
        "channel": "A channel",
        "subtitles": {},
        "automatic_captions": {"en-orig": [{"ext": "vtt"}], "en": [], "de": []},
        **more,
    }


def write(path: Path, data: bytes | str | dict[str, Any], age: float = 3600) -> Path:
    """Write a file that is so many seconds old when it is listed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, dict):
        data = json.dumps(data)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    os.utime(path, (NOW - age, NOW - age))
    return path


def add_video(folder: Path, stem: str, video: str, *, seed: int = 0, **more: Any) -> None:
    """A finished download with automatic captions in json3."""
    write(folder / f"{stem}.info.json", info(video, **more))
    write(folder / f"{stem}.en-orig.json3", caption_files.json3(speech(seed)))
    write(folder / f"{stem}.mp4", b"")


def part(format: str, *paths: Path, **options: Any) -> AnyPart:
    return read_part({"format": format, "paths": list(map(str, paths)), **options})


def listed(*parts: AnyPart, shards: int = 1, **more: Any) -> Listing:
    return list_source(parts, shards, None, NOW, **more)


def made(
    tmp_path: Path, *parts: AnyPart, shards: int = 1, mode: str = "default"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The input lines of all shards in order, and what was left out of them."""
    lines, left = [], []
    out = tmp_path / f"made-{shards}-{mode}"
    for data, rows in shards_of(out, parts, shards, mode):
        lines += [json.loads(line) for line in data]
        left += rows
    return lines, left


def shards_of(
    out: Path, parts: Sequence[AnyPart], shards: int, mode: str = "default"
) -> list[tuple[list[bytes], list[dict[str, Any]]]]:
    """(lines, left out) of each shard."""
    found = []
    with list_source(parts, shards, None, NOW) as listing:
        splits = []
        for number, dump in enumerate(listing.dumps):
            splits.append(out / f"split-{number}")
            split_file(parts[dump.part], dump, shards, splits[-1])
        for number, name in enumerate(listing.names):
            listing.write(name, out / "list")
            shard, left_out = out / f"{name}.jsonl.zst", out / f"{name}.parquet"
            counts = write_shard(number, out / "list", splits, shard, left_out, parts, mode)
            lines = [line for _, line in read_lines(shard) if line is not None]
            assert counts["videos"] == len(lines)
            found.append((lines, read_rows(left_out)))
    return found


def reasons(listing: Listing) -> dict[str, int]:
    return dict(listing.left_out.counts())
