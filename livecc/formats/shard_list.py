"""The list of a track's shards; cleans up after removed shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from livecc.errors import LiveccError
from livecc.files.atomic import write_bytes
from livecc.formats.layout import Layout


def read_shard_list(layout: Layout, track: str) -> list[str]:
    """The names of a track's shards.

    Raises LiveccError if nothing has run yet, or the file is no list of names.
    """
    path = Path(layout.shard_list(track))
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise LiveccError(
            f"{path}: no such file: there are no results yet; run the workflow first"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise LiveccError(
            f"{path}: cannot be read as a list of shards ({reason}); remove it to make it again"
        ) from None


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
