"""The project's own tracks, stages and rules, without those of other packages."""

from __future__ import annotations

from livecc.declaration import rules_of
from livecc.stages.catalogue import catalogue_for

CATALOGUE = catalogue_for({})
TRACKS = CATALOGUE.tracks
RULES = CATALOGUE.rules
STAGES = CATALOGUE.stages
#: Track -> the stages that score its clips.
TRACK_STAGES = {name: track.score_stages for name, track in TRACKS.items()}
#: Name of a stage that scores -> the stage.
SCORE_STAGES = {stage.name: stage for stage in CATALOGUE.score_stages}


def rule_names(*stages: str) -> tuple[str, ...]:
    """The rules that clips with the scores of `stages` have."""
    return tuple(rules_of(SCORE_STAGES[name] for name in stages))
