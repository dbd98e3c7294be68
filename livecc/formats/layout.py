"""The path of every file below `results`, for the rules and the library.

Paths are strings: rules turn them into patterns, with `{shard}` in place of a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.formats.splits import TRAIN

#: Approximate shards per pack. A shard takes a tenth of a second, so a pack is a few seconds of
#: work: enough to be worth a job, little enough to wait for.
PACK_SHARDS = 50
#: Folder names inside results/{track}/ that a selection may not take.
RESERVED_NAMES = (
    *("records", "transcripts", "clips", "videos", "scores", "stats"),
    *("logs", "cache", "models", "coverage", "taken", "sources"),
)
#: What follows the name of a file in that of its manifest.
MANIFEST_SUFFIX = ".manifest.json"
#: The end of a training file's name, and of the side file with its offsets.
_WITH_SEEKS, _SEEKS = "_with_seeks.jsonl", "_seeks.jsonl"
_CHECK_SUFFIX = ".check.json"


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

    def made_folders(self, track: str) -> list[str]:
        """The folders of a track, its sources and the cache."""
        return [f"{self.results}/{track}", f"{self.results}/sources", self.cache]

    # --- of a source ---

    def source(self, name: str) -> SourceFiles:
        return SourceFiles(self.results, name)

    # --- of a track ---

    def shard_list(self, track: str) -> str:
        return f"{self.results}/{track}/shards.txt"

    def shard(self, track: str, shard: str) -> ShardFiles:
        return ShardFiles(self.results, track, shard)

    def taken_videos(self, track: str) -> str:
        """Of which videos another track keeps a clip: digests of the lists of all shards."""
        return f"{self.results}/{track}/taken/videos.json"

    def stats_folder(self, track: str) -> str:
        return f"{self.results}/{track}/stats"

    # --- of a selection ---

    def samples_folder(self, track: str, selection: str) -> str:
        return f"{self.results}/{track}/{selection}/samples"

    def pack(self, track: str, selection: str, pack: str) -> str:
        return f"{self.results}/{track}/{selection}/packs/{pack}.json"

    def ranked(self, track: str, selection: str, pack: str) -> str:
        """The clips of a pack that pass all rules of a selection with `top`."""
        return f"{self.results}/{track}/{selection}/ranked/{pack}.parquet"

    def ranked_report(self, track: str, selection: str, pack: str) -> str:
        return f"{self.results}/{track}/{selection}/ranked/{pack}.json"

    def cut(self, track: str, selection: str) -> str:
        """Where the best clips of a selection with `top` end."""
        return f"{self.results}/{track}/{selection}/top.json"

    def selection_folder(self, track: str, selection: str) -> str:
        return f"{self.results}/{track}/{selection}"

    def merged(self, track: str, selection: str, split: str = TRAIN) -> str:
        """The training file, or that of a split that is held out."""
        return self._stem(track, selection, split) + _WITH_SEEKS

    def _stem(self, track: str, selection: str, split: str) -> str:
        of_split = "" if split == TRAIN else f"_{split}"
        return f"{self.selection_folder(track, selection)}/livecc_{track}_{selection}{of_split}"

    def manifest(self, track: str, selection: str, split: str = TRAIN) -> str:
        return self.merged(track, selection, split) + MANIFEST_SUFFIX

    def check(self, track: str, selection: str, split: str = TRAIN) -> str:
        """What the trainer's reader makes of the merged file (livecc.stages.check_samples)."""
        return self.merged(track, selection, split) + _CHECK_SUFFIX

    # --- exports of a selection (livecc.exports) ---

    def side_seeks(self, track: str, selection: str, split: str = TRAIN) -> str:
        """The offsets of a merged file, where StreamingVLM's reader looks for them."""
        return self._stem(track, selection, split) + _SEEKS

    def sample_table(self, track: str, selection: str, split: str = TRAIN) -> str:
        of_split = "" if split == TRAIN else f"-{split}"
        return f"{self.selection_folder(track, selection)}/samples{of_split}.parquet"

    def card(self, track: str, selection: str) -> str:
        """The data-set card, named as the Hub wants it."""
        return f"{self.selection_folder(track, selection)}/README.md"


def files_of_split(merged: Path, split: str) -> list[Path]:
    """The merged file of a split beside the training file `merged`, and what lies beside it."""
    stem = merged.name.removesuffix(_WITH_SEEKS) + f"_{split}"
    name = stem + _WITH_SEEKS
    names = (name, name + MANIFEST_SUFFIX, name + _CHECK_SUFFIX)
    return [*(merged.with_name(one) for one in names), *seeks_beside(merged.with_name(name))]


def seeks_beside(merged: Path) -> list[Path]:
    """The side file with the offsets of a merged file, and its manifest."""
    side = merged.with_name(merged.name.removesuffix(_WITH_SEEKS) + _SEEKS)
    return [side, side.with_name(side.name + MANIFEST_SUFFIX)]


@dataclass(frozen=True)
class SourceFiles:
    """The files made of a source: its shards are the input of tracks."""

    results: str
    name: str

    @property
    def folder(self) -> str:
        return f"{self.results}/sources/{self.name}"

    @property
    def assigned(self) -> str:
        """What each shard is made of, as the last run found it: digests."""
        return f"{self.folder}/assigned.json"

    @property
    def state(self) -> str:
        """A folder of what was read of files that have not changed since: ids of videos."""
        return f"{self.folder}/state"

    def split(self, dump: str) -> str:
        """A dump, divided between the shards."""
        return f"{self.folder}/splits/{dump}.split"

    def split_note(self, dump: str) -> str:
        """What it was made with."""
        return f"{self.folder}/splits/{dump}.json"

    def video_list(self, shard: str) -> str:
        """The list of the videos in folders that belong to a shard."""
        return f"{self.folder}/lists/{shard}.txt"

    def lines(self, shard: str) -> str:
        """The input lines of a shard."""
        return f"{self.folder}/lines/{shard}.jsonl.zst"

    def left_out(self, shard: str) -> str:
        """What a shard leaves out, with reasons."""
        return f"{self.folder}/left_out/{shard}.parquet"

    def stats(self, shard: str) -> str:
        return f"{self.folder}/stats/{shard}.json"


@dataclass(frozen=True)
class ShardFiles:
    """The files of one shard of a track."""

    results: str
    track: str
    name: str

    def _file(self, folder: str, suffix: str) -> str:
        return f"{self.results}/{self.track}/{folder}/{self.name}{suffix}"

    @property
    def taken_videos(self) -> str:
        """The videos of the shard of which another track keeps a clip."""
        return self._file("taken/videos", ".txt")

    @property
    def taken_lines(self) -> str:
        """The input lines of those videos: the input of the shard."""
        return self._file("taken/lines", ".jsonl.zst")

    @property
    def taken_note(self) -> str:
        """What those lines were made with."""
        return self._file("taken/lines", ".json")

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
