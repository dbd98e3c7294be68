"""The thresholds of a selection or a gate.

Both are mappings in the configuration, from the name of a rule to its bounds. Rules are applied in
the order in which they are declared; the first one that a clip fails drops it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livecc.thresholds.kinds import Rule, Threshold

#: The key of a selection or gate that decides about clips without a score.
ON_UNSCORED = "on_unscored"
#: The key that decides about clips with a score in which the value that a rule uses is unknown.
ON_UNKNOWN = "on_unknown"
#: The key of a selection that keeps the best of the clips that pass all rules.
TOP = "top"
#: Keys that are no rules and say what happens to missing values.
LENIENCE = (ON_UNSCORED, ON_UNKNOWN)


def lenience(thresholds: Mapping[str, Any]) -> tuple[str, str]:
    """What a selection does with missing scores, and with unknown values."""
    return thresholds.get(ON_UNSCORED, "drop"), thresholds.get(ON_UNKNOWN, "drop")


def parse_rules(
    config: Mapping[str, Any], rules: Mapping[str, Rule], names: Iterable[str] | None = None
) -> dict[str, Threshold]:
    """The thresholds of a selection or gate, in the order of `rules`, without nulls.

    With `names`, only those: a disabled stage has no scores.
    """
    wanted = set(rules if names is None else names)
    return {
        name: rule.parse(config[name])
        for name, rule in rules.items()
        if name in wanted and config.get(name) is not None
    }


def rules_to_json(thresholds: Mapping[str, Threshold]) -> dict[str, Any]:
    """Inverse of `parse_rules`."""
    return {name: threshold.to_json() for name, threshold in thresholds.items()}


def as_written(selection: Mapping[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    """A selection with bounds in the order in which people write them: `min` before `max`."""
    told = dict(selection)
    for name in told.keys() & rules.keys():
        if told[name] is not None:
            order = rules[name].kind.Bounds.__struct_encode_fields__
            told[name] = {key: told[name][key] for key in order if key in told[name]}
    return told


def union(several: Sequence[Mapping[str, Threshold]]) -> dict[str, Threshold]:
    """The narrowest thresholds that accept everything that any of `several` accepts.

    A rule applies only if all have it; a band's bound only if every band has one.
    """
    result: dict[str, Threshold] = {}
    for name in several[0] if several else ():
        thresholds = [one[name] for one in several if name in one]
        if len(thresholds) == len(several):
            merged = type(thresholds[0]).union(thresholds)
            if merged is not None:
                result[name] = merged
    return result


def covers(
    wider: Mapping[str, Any], narrower: Mapping[str, Any], rules: Mapping[str, Rule]
) -> bool:
    """Whether the gate `wider` accepts every clip that the gate `narrower` accepts.

    Gates are in the form of the configuration, including `on_unscored` and `on_unknown`: with
    "keep", a clip without the score, or the value, that a rule uses passes the rule. A rule that is
    no longer declared may have excluded anything.
    """
    if wider == narrower:
        return True
    if wider.keys() - rules.keys() - {*LENIENCE}:
        return False
    outer, inner = parse_rules(wider, rules), parse_rules(narrower, rules)
    if any(one.empty and not _lenient(narrower, rules[name]) for name, one in inner.items()):
        return True
    return all(
        name in inner
        and one.covers(inner[name])
        and _lenient(narrower, rules[name]) <= _lenient(wider, rules[name])
        for name, one in outer.items()
    )


def _lenient(gate: Mapping[str, Any], rule: Rule) -> set[str]:
    """The kinds of missing values with which a gate lets a clip pass a rule."""
    kinds = [(ON_UNSCORED, rule.of_score), (ON_UNKNOWN, rule.may_be_unknown)]
    return {key for key, possible in kinds if possible and gate.get(key) == "keep"}
