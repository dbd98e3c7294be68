"""The list of a track's shards; cleans up after removed shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from livecc.files.atomic import write_bytes
from livecc.formats.layout import Layout


def write_shard_list(path: Path, names: Iterable[str]) -> None:
    """Write the names, one per line, and remove other shards' decisions, samples and counts.

    Readers of a selection's decisions folder would otherwise include them. They are recreated in
    seconds if the shard returns; scores are kept.
    """
    wanted = set(names)
    track = path.parent
    files = Layout(".").shard(track.name, "*")
    for pattern in (files.decisions("*"), files.samples("*"), files.counts("*")):
        for file in track.parent.glob(pattern):
            if file.name.removesuffix(Path(pattern).suffix) not in wanted:
                file.unlink()
    write_bytes(path, "".join(f"{name}\n" for name in sorted(wanted)).encode())
