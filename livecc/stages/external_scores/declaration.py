"""External scores as stages: one for each score in the configuration.

Each rule has the name of its score; all of them run the script import_scores.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from livecc.declaration import _MISSING, Resources, TableStage, no_problems
from livecc.files.paths import expanded
from livecc.sections import Section, Text, option
from livecc.thresholds.kinds import Band, Labels, Rule

RESOURCES = Resources(gpu=0, mem_mb=2000, runtime=20, threads=1)
VERSION = "1"


class ExternalScore(Section):
    """A column of a user's table, as a score of clips or videos."""

    table: Annotated[Text, option("A Parquet or CSV file.")]
    key: Annotated[
        Literal["clip", "video"],
        option("What each row describes; also the column of its id, unless `key_column` is set."),
    ]
    column: Annotated[Text, option("Column of the scores.")]
    key_column: Annotated[Text | None, option("Column of the keys; null: named like `key`.")] = None
    kind: Annotated[
        Literal["band", "labels"],
        option("Kind of threshold: band (min, max, below) or labels (a list of strings)."),
    ] = "band"
    tracks: Annotated[list[Text] | None, option("Tracks that use it; null: all.")] = None

    @property
    def path(self) -> Path:
        """The table."""
        return expanded(self.table)

    @property
    def keys(self) -> str:
        """The column of keys."""
        return self.key_column or self.key

    def reads(self) -> list[str]:
        """The parts of the table to read, as arguments of import_scores.py; a param of its rule."""
        return [
            f"--key={self.key}",
            f"--key-column={self.keys}",
            f"--column={self.column}",
            f"--kind={self.kind}",
        ]


def external_scores(config: Mapping[str, Any]) -> dict[str, ExternalScore]:
    """External scores of a checked configuration, by name."""
    return {
        name: msgspec.convert(told, ExternalScore)
        for name, told in config["external_scores"].items()
    }


@dataclass(frozen=True, eq=False, kw_only=True)
class ExternalStage(TableStage):
    """The stage of one external score.

    tracks: the tracks whose clips or videos have the score; None: all.
    """

    tracks: tuple[str, ...] | None = _MISSING

    def is_of(self, track: str) -> bool:
        """Whether clips of a track have it."""
        return self.tracks is None or track in self.tracks

    @property
    def absent(self) -> str:
        return "not in the table"


def external_stage(name: str, told: Mapping[str, Any]) -> ExternalStage:
    """The stage of the external score `name`; `told` has at least `key` and `kind`."""
    labels = told.get("kind") == "labels"
    return ExternalStage(
        name=name,
        version=VERSION,
        says=f"Importing {name}",
        kind="workflow",
        options=None,
        packages=(),
        resources=RESOURCES,
        problems=no_problems,
        item=told["key"],
        columns={name: "string" if labels else "float64"},
        rules=(Rule(name, Labels if labels else Band, (name,), f"{name} outside its bounds"),),
        tracks=tuple(told["tracks"]) if told.get("tracks") else None,
    )
