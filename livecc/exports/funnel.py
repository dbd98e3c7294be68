"""What became of the input of a selection: clips kept and dropped, rule by rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.exports.release import Release
from livecc.files.atomic import read_json
from livecc.stages.tracks import Track


@dataclass(frozen=True)
class Step:
    """A rule, in the order of rules. `unscored`: those of `dropped` without a score for it."""

    rule: str
    says: str
    dropped: int
    unscored: int
    left: int


@dataclass(frozen=True)
class Funnel:
    """`lines` of input with `videos` usable ones, cut into `clips`, of which `kept` are kept.

    `seconds`, `kept_seconds`: of their words. `steps`: the rules that dropped clips.
    """

    lines: int
    videos: int
    clips: int
    seconds: float
    kept: int
    kept_seconds: float
    steps: tuple[Step, ...]


def read_funnel(release: Release) -> Funnel:
    """The counts of all shards, added up."""
    counted: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    unscored: Counter[str] = Counter()
    stage = _last_clip_stage(release.catalogue.tracks[release.track])
    for shard in release.shards:
        made = read_json(Path(shard.stats(stage)))
        counted.update({name: made.get(name, 0) for name in ("lines", "videos")})
        counts = read_json(Path(shard.counts(release.selection)))
        counted.update({name: counts[name] for name in _COUNTED})
        dropped.update(counts["dropped"])
        unscored.update(counts["unscored"])
    rules = release.catalogue.track_rules(release.track)
    # What was no usable clip comes before all rules.
    order = [*(name for name in dropped if name not in rules), *rules]
    steps = []
    left = counted["clips"]
    for name in (name for name in order if dropped[name]):
        left -= dropped[name]
        says = rules[name].says if name in rules else "unusable clip"
        steps.append(Step(name, says, dropped[name], unscored[name], left))
    numbers: dict[str, Any] = dict(counted)
    return Funnel(
        lines=numbers["lines"],
        videos=numbers["videos"],
        clips=numbers["clips"],
        seconds=numbers["seconds"],
        kept=numbers["kept"],
        kept_seconds=numbers["kept_seconds"],
        steps=tuple(steps),
    )


_COUNTED = ("clips", "kept", "seconds", "kept_seconds")


def _last_clip_stage(track: Track) -> str:
    """The stage whose stats tell the clips; it has no alternative."""
    return track.all_clip_stages()[-1].name
