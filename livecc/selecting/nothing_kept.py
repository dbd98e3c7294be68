"""Why a selection keeps no clip, and the nearest thresholds that would keep one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import TableStage, rules_of
from livecc.formats.layout import ShardFiles
from livecc.scores.columns import ScoreColumns, read_columns
from livecc.selecting.decisions import decide
from livecc.thresholds.kinds import Step, Widens
from livecc.thresholds.listed import NotListed
from livecc.thresholds.sets import LENIENCE, ON_UNKNOWN, ON_UNSCORED, lenience, parse_rules


@dataclass(frozen=True)
class Change:
    """A change of one setting of a selection that may keep a clip.

    `setting`: in the form of `livecc what-if --set`. `kept`: the clips that it keeps. `open`: those
    that it lets through to a stage whose scores they do not have, because they were outside of its
    gate; a run with the setting scores them.
    """

    setting: str
    kept: int
    open: int


def nearest_changes(
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[TableStage],
    shards: Sequence[ShardFiles],
) -> list[Change]:
    """The least change of each single rule of a selection that keeps no clip, most kept first.

    A rule without one is absent: clips that fail it fail another one as well. `gates` are the
    explicit ones (`livecc.scores.columns.read_columns`); the tables of one shard are in memory at a
    time. Raises LiveccError when a table cannot be read.
    """
    steps: dict[str, Step] = {}
    for columns in _tables(stages, shards, gates):
        for name, step in _steps(columns, thresholds):
            if name not in steps or step.distance < steps[name].distance:
                steps[name] = step
    changed = {
        f"{name}.{bound}={_value(value)}": {**thresholds, name: {**thresholds[name], bound: value}}
        for name, step in steps.items()
        for bound, value in step.bounds.items()
    }
    for key in LENIENCE:
        if thresholds.get(key, "drop") != "keep":
            changed[f"{key}=keep"] = {**thresholds, key: "keep"}
    kept = dict.fromkeys(changed, 0)
    left = dict.fromkeys(changed, 0)
    for columns in _tables(stages, shards, gates):
        stopped = _stopped(columns, thresholds)[1]
        for setting, told in changed.items():
            kept_now, stopped_now = _stopped(columns, told)
            kept[setting] += kept_now
            left[setting] += max(stopped_now - stopped, 0)
    found = [Change(setting, kept[setting], left[setting]) for setting in changed]
    found = [one for one in found if one.kept or one.open]
    return sorted(found, key=lambda one: (-one.kept, -one.open))


def fewest_failures(
    thresholds: Mapping[str, Any],
    gates: Mapping[str, Mapping[str, Any]],
    stages: Sequence[TableStage],
    shards: Sequence[ShardFiles],
) -> list[str]:
    """The rules that fail the usable clip that fails the fewest; empty if no clip is usable.

    A missing score counts as a failure only if the stage has tried. Arguments as for
    `nearest_changes`.
    """
    fewest: list[str] | None = None
    for columns in _tables(stages, shards, gates):
        fits = _all_fit(columns, thresholds, unreached=True)
        if not columns.ok.any() or not fits:
            continue
        failures = sum((~one).astype(int) for one in fits.values())
        clip = min(columns.ok.nonzero()[0].tolist(), key=lambda n: failures[n])
        names = [name for name, one in fits.items() if not one[clip]]
        if fewest is None or len(names) < len(fewest):
            fewest = names
    return fewest or []


def _stopped(columns: ScoreColumns, thresholds: Mapping[str, Any]) -> tuple[int, int]:
    """(clips kept, clips stopped by a rule whose stage did not reach them)."""
    rules = parse_rules(thresholds, columns.rules)
    decided = decide(columns, rules, *lenience(thresholds))
    stopped = sum(
        int(((decided.dropped_by == number) & ~columns.reached[name]).sum())
        for number, name in enumerate(decided.rules)
        if name in columns.reached
    )
    return int(decided.kept.sum()), stopped


def _tables(
    stages: Sequence[TableStage],
    shards: Sequence[ShardFiles],
    gates: Mapping[str, Mapping[str, Any]],
) -> Iterator[ScoreColumns]:
    for shard in shards:
        scores = {stage: Path(shard.scores(stage.name)) for stage in stages}
        yield read_columns(Path(shard.clips), scores, gates)


def _steps(columns: ScoreColumns, thresholds: Mapping[str, Any]) -> Iterator[tuple[str, Step]]:
    """For each rule that alone keeps a clip out, the least change that lets one through."""
    rules = parse_rules(thresholds, columns.rules)
    names = list(rules)
    fits = _all_fit(columns, thresholds)
    for place, name in enumerate(names):
        threshold = rules[name]
        mask = columns.ok & ~fits[name]
        if columns.rules[name].of_score:
            mask &= columns.scored[name]
        for number, other in enumerate(names):
            if number != place:
                passes = fits[other]
                if number > place and columns.rules[other].of_score:
                    # Not scored, because it is outside of the gate; it may fit.
                    passes = passes | ~columns.reached[other]
                mask &= passes
        if mask.any() and isinstance(threshold, Widens):
            step = threshold.nearest(columns.values, mask)
            if step is not None:
                yield name, step


def _all_fit(
    columns: ScoreColumns, thresholds: Mapping[str, Any], unreached: bool = False
) -> dict[str, Any]:
    """Rule -> n booleans: the clips that it lets through.

    With `unreached` also those that its stage has not tried to score.
    """
    keeps = thresholds.get(ON_UNSCORED, "drop") == "keep"
    found = {}
    for name, threshold in parse_rules(thresholds, columns.rules).items():
        rule = columns.rules[name]
        passes = threshold.mask(columns.values)
        if rule.of_score and keeps and rule.may_keep_unscored:
            passes = passes | ~columns.scored[name]
        if rule.may_be_unknown and thresholds.get(ON_UNKNOWN) == "keep":
            passes = passes | columns.unknown(name)
        if rule.of_score and unreached:
            passes = passes | ~columns.reached[name]
        found[name] = passes
    return found


def _value(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else f"{value:.10g}"


def explain(
    configuration: Mapping[str, Any], stages: Sequence[TableStage], shards: Sequence[ShardFiles]
) -> dict[str, Any]:
    """`nearest_changes` and `fewest_failures` for the configuration in a manifest, as JSON."""
    known = rules_of(stages)
    thresholds = {
        name: value
        for name, value in configuration.get("thresholds", {}).items()
        # The manifest does not say where lists of videos lie.
        if (name in known and known[name].kind is not NotListed) or name in LENIENCE
    }
    gates = {
        name: gate
        for name, gate in configuration.get("gates", {}).items()
        if isinstance(gate, Mapping)
    }
    changes = nearest_changes(thresholds, gates, stages, shards)
    return {
        "changes": [vars(change) for change in changes],
        "fewest_failures": [] if changes else fewest_failures(thresholds, gates, stages, shards),
    }
