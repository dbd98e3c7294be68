"""The videos of which a selection of another track keeps a clip, as the input of a track.

Each shard has a list of its videos, which is replaced only if it changes: shards in which a new
threshold keeps the same videos have nothing to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic, write_bytes, write_json
from livecc.files.leftovers import remove_all_but
from livecc.files.lines import read_lines
from livecc.files.parquet import read_table
from livecc.formats.input_lines import BadRecordError, parse_object
from livecc.formats.layout import Layout


def list_taken_videos(
    layout: Layout, taker: str, giver: str, selection: str, shards: Iterable[str]
) -> int:
    """List, for each shard of the track `taker`, the videos that `giver` keeps a clip of.

    Reads the decisions of the selection, one shard at a time; removes the lists of other shards.
    Returns the number of videos. Raises LiveccError if decisions are missing.
    """
    names = list(shards)
    digests: dict[str, str] = {}
    total = 0
    for name in names:
        videos = _kept(Path(layout.shard(giver, name).decisions(selection)))
        text = b"".join(orjson.dumps(video) + b"\n" for video in videos)
        path = Path(layout.shard(taker, name).taken_videos)
        if not path.exists() or path.read_bytes() != text:
            write_bytes(path, text)
        digests[name] = hashlib.blake2b(text, digest_size=8).hexdigest()
        total += len(videos)
    _remove_others(layout, taker, names)
    write_json(
        layout.taken_videos(taker), {"track": giver, "selection": selection, "shards": digests}
    )
    return total


def _remove_others(layout: Layout, taker: str, names: list[str]) -> None:
    """Remove the lists and lines of shards that are gone."""
    for number, pattern in enumerate(_of_shard(layout, taker, "*")):
        remove_all_but(pattern, (_of_shard(layout, taker, name)[number] for name in names))


def _of_shard(layout: Layout, taker: str, name: str) -> tuple[str, ...]:
    files = layout.shard(taker, name)
    return files.taken_videos, files.taken_lines, files.taken_note


def _kept(decisions: Path) -> list[str]:
    """The videos of kept clips in a table of decisions, sorted."""
    if not decisions.exists():
        raise LiveccError(f"{decisions}: no such file; run again with --forcerun select_samples")
    table = read_table(decisions, ["video", "kept"])
    return sorted(table.filter(table["kept"])["video"].unique().to_pylist())


def copy_taken_lines(lines: Path, videos: Path, output: Path) -> int:
    """Copy the input lines of listed videos, unchanged and in order; returns their number.

    Of lines with the same video, the first is copied, which is the one that the other track uses.
    Raises LiveccError if a file cannot be read.
    """
    wanted = {orjson.loads(line) for _, line in read_lines(videos, own=True) if line}
    copied = 0
    with open_atomic(output) as stream:
        for _, line in read_lines(lines):
            try:
                _, video = parse_object(line)
            except BadRecordError:
                continue
            if video in wanted:
                assert line is not None
                wanted.remove(video)
                stream.write(line + b"\n")
                copied += 1
    return copied
