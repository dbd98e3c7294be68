"""All stages and tracks of a configuration: built-in stages, configured plugin stages, and external
scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, cached_property
from typing import Any

from livecc.declaration import (
    CLIP_COLUMNS,
    CLIP_RULES,
    CachedStage,
    Stage,
    TableStage,
    rules_of,
)
from livecc.errors import LiveccError
from livecc.stages.external_scores.declaration import external_stage
from livecc.stages.plugins import (
    own_names,
    package_stages,
    package_tracks,
    stage_of_package,
    track_of_package,
)
from livecc.stages.tracks import RELEASE_STAGES, TRACKS, Track
from livecc.terminal import nearest
from livecc.thresholds.kinds import Rule

#: Sections of every configuration that do not belong to a stage.
_NOT_STAGES = frozenset(
    {
        *("mode", "results", "score_cache", "retry_failed", "models_folder", "device", "tracks"),
        *("external_scores", "selections", "environments", "container", "resources"),
        *("split", "exports"),
    }
)


class Catalogue:
    """The stages and tracks of one configuration.

    `external` are the external scores of the configuration; `sections` the names of its sections,
    among which those of other packages' stages are looked for; `tracks` the names of its tracks.
    Raises LiveccError when a stage, a rule or a column has the name of another one.
    """

    def __init__(
        self,
        external: Mapping[str, Mapping[str, Any]],
        sections: Iterable[str] = (),
        tracks: Iterable[str] = (),
    ) -> None:
        self.external = {name: external_stage(name, told) for name, told in external.items()}
        unknown = set(sections) - own_names() - _NOT_STAGES
        self.joined = (
            [stage_of_package(name) for name in package_stages() if name in unknown]
            if unknown
            else []
        )
        own = [track.name for track in TRACKS]
        guests = [name for name in tracks if name not in own and name in package_tracks()]
        self.tracks = {
            track.name: self._whole(track) for track in (*TRACKS, *map(track_of_package, guests))
        }
        self._check_names()

    def _whole(self, track: Track) -> Track:
        """A track including the stages that join it."""
        stages: list[TableStage] = [
            *(stage for stage in self.external.values() if stage.is_of(track.name)),
            *track.score_stages,
        ]
        for stage in self.joined:
            for join in (join for join in stage.joins if join.track == track.name):
                names = [other.name for other in stages]
                if join.after is not None and join.after not in names:
                    raise LiveccError(
                        f"stage {stage.name}: joins {track.name} after {join.after!r}, which is "
                        f"not one of its stages{nearest(join.after, names)}: {', '.join(names)}"
                    )
                place = len(names) if join.after is None else names.index(join.after) + 1
                stages.insert(place, stage)
        guests = tuple(stage for stage in stages if stage not in track.score_stages)
        return replace(track, score_stages=tuple(stages), guests=guests)

    def _check_names(self) -> None:
        owners: dict[str, str] = dict.fromkeys(CLIP_RULES, "every clip")
        for stage in self.score_stages:
            for rule in stage.rules:
                for name in dict.fromkeys((rule.name, *rule.columns)):
                    if name in CLIP_COLUMNS:
                        continue
                    if owners.setdefault(name, stage.name) != stage.name:
                        raise LiveccError(
                            f"stage {stage.name}: {name!r} is already a rule or column of "
                            f"{owners[name]}; names must be unique"
                        )

    @cached_property
    def score_stages(self) -> list[TableStage]:
        """The stages that score clips, each once, in the order in which their rules are applied."""
        return list(
            dict.fromkeys(stage for track in self.tracks.values() for stage in track.score_stages)
        )

    @cached_property
    def cached_stages(self) -> list[CachedStage]:
        """The stages with a score cache, in the order in which they run."""
        clips = [stage for track in self.tracks.values() for stage in track.all_clip_stages()]
        return [
            stage
            for stage in dict.fromkeys([*clips, *self.score_stages])
            if isinstance(stage, CachedStage)
        ]

    @cached_property
    def clip_stages(self) -> list[Stage]:
        """The stages that make clips, each once."""
        tracks = self.tracks.values()
        return list(dict.fromkeys(stage for track in tracks for stage in track.all_clip_stages()))

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """All stages by name, in the order in which they run."""
        found: list[Stage] = [*self.clip_stages, *self.score_stages, *RELEASE_STAGES]
        return {stage.name: stage for stage in found}

    def score_stage(self, name: str) -> TableStage:
        """The stage of a table of scores. Raises LiveccError for an unknown name."""
        for stage in self.score_stages:
            if stage.name == name:
                return stage
        known = [stage.name for stage in self.score_stages]
        raise LiveccError(
            f"no stage {name!r} scores clips{nearest(name, known)}; there is {', '.join(known)}"
        )

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Name -> rule, in the order in which they are applied."""
        return rules_of(self.score_stages)

    def track_rules(self, track: str) -> dict[str, Rule]:
        """The rules of a track's stages, in order."""
        return rules_of(self.tracks[track].score_stages)


def catalogue_of(config: Mapping[str, Any]) -> Catalogue:
    """The catalogue of a configuration; one object for all with the same names in it."""
    tracks = config.get("tracks")
    named = tuple(map(str, tracks)) if isinstance(tracks, Mapping) else ()
    return _catalogue(json.dumps(config.get("external_scores") or {}), tuple(config), named)


@cache
def _catalogue(external: str, sections: tuple[str, ...], tracks: tuple[str, ...]) -> Catalogue:
    return Catalogue(json.loads(external), sections, tracks)


def catalogue_for(
    external: Mapping[str, Any], *stages: str, tracks: tuple[str, ...] = ()
) -> Catalogue:
    """The catalogue for a command line: the external scores, stages and tracks that it names."""
    return _catalogue(json.dumps(external), stages, tracks)
