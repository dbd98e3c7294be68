"""Where the files of a shard are, and which shards a job of the select stage takes together."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

#: Shards in a pack, about. A shard takes a tenth of a second, so a pack is seconds of work: enough
#: to be worth a job, little enough to wait for.
PACK_SHARDS = 50


@dataclass(frozen=True)
class ShardFiles:
    """The files of one shard; `folder` is the track's in the results."""

    folder: Path
    shard: str

    @property
    def transcripts(self) -> Path:
        return self.folder / "transcripts" / f"{self.shard}.jsonl.zst"

    @property
    def clips(self) -> Path:
        return self.folder / "clips" / f"{self.shard}.parquet"

    def scores(self, stage: str) -> Path:
        return self.folder / "scores" / stage / f"{self.shard}.parquet"

    def decisions(self, selection: str) -> Path:
        return self.folder / selection / "decisions" / f"{self.shard}.parquet"

    def samples(self, selection: str) -> Path:
        return self.folder / selection / "samples" / f"{self.shard}.jsonl"

    def counts(self, selection: str) -> Path:
        return self.folder / selection / "counts" / f"{self.shard}.json"


def packs(shards: Collection[str]) -> dict[str, list[str]]:
    """Pack -> its shards, sorted; all packs have about as many."""
    names = sorted(shards)
    count = -(-len(names) // PACK_SHARDS)
    bounds = [number * len(names) // count for number in range(count + 1)]
    return {
        f"{number:04d}": names[low:high]
        for number, (low, high) in enumerate(itertools.pairwise(bounds))
    }
