"""The shards of a track, in a file; what is left of shards that are no longer there goes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from livecc.files import write_bytes

_PER_SHARD = {"decisions": ".parquet", "samples": ".jsonl", "counts": ".json"}


def write_shard_list(path: Path, names: Iterable[str]) -> None:
    """Write the names, one a line, and remove other shards' decisions, samples and counts.

    Whoever reads the folder of a selection's decisions would count them in. They are made again in
    seconds when the shard comes back; scores stay.
    """
    wanted = set(names)
    for folder, suffix in _PER_SHARD.items():
        for file in path.parent.glob(f"*/{folder}/*{suffix}"):
            if file.name.removesuffix(suffix) not in wanted:
                file.unlink()
    write_bytes(path, "".join(f"{name}\n" for name in sorted(wanted)).encode())
