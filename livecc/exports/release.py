"""A selection whose training files are written: what every format is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from livecc.declaration import CLIP_COLUMNS, TableStage, rule_columns_of
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout, ShardFiles
from livecc.formats.shard_list import read_shard_list
from livecc.formats.splits import Split
from livecc.stages.catalogue import Catalogue


@dataclass(frozen=True)
class Release:
    """A selection of a track, in a folder of results.

    `stages`: the scoring stages that are on, in order; `catalogue` is of them. `exported`: name of
    a format that is written already -> its manifest.
    """

    layout: Layout
    track: str
    selection: str
    stages: tuple[str, ...]
    catalogue: Catalogue
    exported: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def manifests(self) -> dict[str, dict[str, Any]]:
        """Split -> the manifest of its merged file; the first is that of the training file."""
        train = read_json(self.layout.manifest(self.track, self.selection))
        split = Split.of(train["configuration"].get("split", {}))
        paths = {
            name: self.layout.manifest(self.track, self.selection, name) for name in split.held_out
        }
        return {"train": train} | {name: read_json(path) for name, path in paths.items()}

    @cached_property
    def described(self) -> dict[str, dict[str, Any]]:
        """Name of a format that is written already -> what its manifest says."""
        return {name: read_json(path) for name, path in self.exported.items()}

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What decided the training files (livecc.selecting.manifest.release_configuration)."""
        told: Mapping[str, Any] = self.manifests["train"]["configuration"]
        return told

    @property
    def split(self) -> Split:
        return Split.of(self.configuration.get("split", {}))

    @property
    def splits(self) -> tuple[str, ...]:
        return self.split.names

    def merged(self, split: str) -> Path:
        return Path(self.layout.merged(self.track, self.selection, split))

    @property
    def video_prefix(self) -> str:
        """What stands before the path of each video in the training files."""
        return str(self.configuration.get("video_prefix", ""))

    @cached_property
    def shards(self) -> list[ShardFiles]:
        names = read_shard_list(self.layout, self.track)
        return [self.layout.shard(self.track, name) for name in names]

    @property
    def score_stages(self) -> list[TableStage]:
        return [self.catalogue.score_stage(name) for name in self.stages]

    @property
    def score_columns(self) -> dict[str, str]:
        """The columns of decisions that rules use, with their types: all scores that decide."""
        columns = rule_columns_of(self.score_stages)
        return {name: kind for name, kind in columns.items() if name not in CLIP_COLUMNS}
