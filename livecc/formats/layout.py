"""The path of every file below `results`, for the rules and the library.

Paths are strings: rules turn them into patterns, with `{shard}` in place of a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

#: Approximate shards per pack. A shard takes a tenth of a second, so a pack is a few seconds of
#: work: enough to be worth a job, little enough to wait for.
PACK_SHARDS = 50
#: Folder names inside results/{track}/ that a selection may not take.
RESERVED_NAMES = (
    *("records", "transcripts", "clips", "videos", "scores", "stats"),
    *("logs", "cache", "models", "coverage"),
)


@dataclass(frozen=True)
class Layout:
    """The files of a results folder."""

    results: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Layout:
        return cls(config["results"].rstrip("/"))

    # --- of the whole run ---

    @property
    def summary_json(self) -> str:
        return f"{self.results}/summary.json"

    @property
    def summary_text(self) -> str:
        return f"{self.results}/summary.txt"

    @property
    def progress_json(self) -> str:
        """Progress of the run, updated every few seconds."""
        return f"{self.results}/progress.json"

    @property
    def progress_text(self) -> str:
        return f"{self.results}/progress.txt"

    @property
    def plan(self) -> str:
        return f"{self.results}/plan.json"

    @property
    def report(self) -> str:
        """The page about the run (livecc.report)."""
        return f"{self.results}/report.html"

    @property
    def report_settings(self) -> str:
        """The settings that the page was made with."""
        return f"{self.results}/report.json"

    @property
    def cache(self) -> str:
        """The default location of the score cache."""
        return f"{self.results}/cache"

    @property
    def writer(self) -> str:
        """The lock and the record of the run that writes here (livecc.running.results_lock)."""
        return f"{self.results}/run.lock"

    def receipt(self, model: str) -> str:
        return f"{self.results}/models/{model}.json"

    def log(self, *names: str) -> str:
        return f"{self.results}/logs/{'/'.join(names)}.log"

    # --- of a track ---

    def shard_list(self, track: str) -> str:
        return f"{self.results}/{track}/shards.txt"

    def shard(self, track: str, shard: str) -> ShardFiles:
        return ShardFiles(self.results, track, shard)

    def stats_folder(self, track: str) -> str:
        return f"{self.results}/{track}/stats"

    # --- of a selection ---

    def samples_folder(self, track: str, selection: str) -> str:
        return f"{self.results}/{track}/{selection}/samples"

    def pack(self, track: str, selection: str, pack: str) -> str:
        return f"{self.results}/{track}/{selection}/packs/{pack}.json"

    def merged(self, track: str, selection: str) -> str:
        return f"{self.results}/{track}/{selection}/livecc_{track}_{selection}_with_seeks.jsonl"

    def manifest(self, track: str, selection: str) -> str:
        return f"{self.merged(track, selection)}.manifest.json"

    def check(self, track: str, selection: str) -> str:
        """What the trainer's reader makes of the merged file (livecc.stages.check_samples)."""
        return f"{self.merged(track, selection)}.check.json"


@dataclass(frozen=True)
class ShardFiles:
    """The files of one shard of a track."""

    results: str
    track: str
    name: str

    def _file(self, folder: str, suffix: str) -> str:
        return f"{self.results}/{self.track}/{folder}/{self.name}{suffix}"

    @property
    def records(self) -> str:
        return self._file("records", ".parquet")

    @property
    def transcripts(self) -> str:
        return self._file("transcripts", ".jsonl.zst")

    @property
    def clips(self) -> str:
        return self._file("clips", ".parquet")

    @property
    def videos(self) -> str:
        return self._file("videos", ".parquet")

    def scores(self, stage: str) -> str:
        return self._file(f"scores/{stage}", ".parquet")

    def stats(self, stage: str) -> str:
        return self._file(f"stats/{stage}", ".json")

    def coverage(self, stage: str) -> str:
        """The gate that a stage's scores were made for (livecc.scores.coverage)."""
        return self._file(f"coverage/{stage}", ".json")

    def decisions(self, selection: str) -> str:
        return self._file(f"{selection}/decisions", ".parquet")

    def samples(self, selection: str) -> str:
        return self._file(f"{selection}/samples", ".jsonl")

    def counts(self, selection: str) -> str:
        return self._file(f"{selection}/counts", ".json")


def packs(shards: Collection[str]) -> dict[str, list[str]]:
    """Pack -> its shards, sorted; packs are of similar size."""
    names = sorted(shards)
    count = -(-len(names) // PACK_SHARDS)
    bounds = [number * len(names) // count for number in range(count + 1)]
    return {
        f"{number:04d}": names[low:high]
        for number, (low, high) in enumerate(itertools.pairwise(bounds))
    }
