"""Which thresholds a what-if is about: configuration, selection, and what `--set` changes of it."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc import config as configuration
from livecc.errors import LiveccError
from livecc.what_if import Question

_LISTS = ("labels", "answers")
_BAND = ("min", "max", "below")
_BOUNDS = {"language": ("labels", "min_confidence"), "prompt": ("answers",)}


def ask(
    config: Mapping[str, Any],
    track: str | None,
    selection: str | None,
    settings: Sequence[str],
    against: str | None,
) -> Question:
    """The question that a command line asks.

    The thresholds are those of `selection` with `settings` ("lm_loss.max=3") laid over them; they
    are held against the selection `against`, or, without one, against `selection` as configured
    where there are settings and against its last run where there are none.
    Raises LiveccError when there is no such track, selection or threshold, or a value is wrong.
    """
    track = _chosen("track", track, configuration.active_tracks(config), None)
    selections = configuration.selections(config, track)
    selection = _chosen("selection", selection, list(selections), "default")
    if against is not None:
        against = _chosen("selection", against, list(selections), None)
    thresholds = changed_thresholds(config, track, selections[selection], settings)
    asked = copy.deepcopy(dict(config))
    asked["selections"][selection] = {**config["selections"][selection], track: thresholds}
    configuration.check(asked)
    base = against or (selection if settings else None)
    stages = configuration.active_stages(config, track)
    return Question(
        folder=Path(config["results"]) / track,
        selection=selection,
        shards=list(configuration.shards(config, track)),
        stages={stage: configuration.STAGE_RULE[stage] for stage in stages},
        gates={
            stage: configuration.gate(asked, track, stage)
            for stage in stages
            if "gate" in config[stage]
        },
        explicit_gates=configuration.explicit_gates(asked, track),
        thresholds=thresholds,
        before=None if base is None else selections[base],
    )


def _chosen(kind: str, name: str | None, known: Sequence[str], default: str | None) -> str:
    """`name`, which must be among `known`; without one the only one there is, or the default."""
    if name is None:
        if len(known) == 1:
            return known[0]
        if default in known:
            return str(default)
        raise LiveccError(f"which {kind}? Say --{kind} with one of {', '.join(known)}")
    if name not in known:
        raise LiveccError(f"there is no {kind} {name!r}{_nearest(name, known)}")
    return name


def _nearest(name: str, known: Sequence[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    told = f" (did you mean {match[0]!r}?)" if match else ""
    return f"{told}; there is {', '.join(known)}"


def changed_thresholds(
    config: Mapping[str, Any], track: str, base: Mapping[str, Any], settings: Sequence[str]
) -> dict[str, Any]:
    """The thresholds `base` with each of `settings` laid over them, in order.

    A setting is RULE.BOUND=VALUE, or RULE=none for a rule that shall not bind, or
    on_unscored=VALUE. Lists are written with commas.
    """
    thresholds = copy.deepcopy(dict(base))
    rules = configuration.active_rules(config, track)
    for setting in settings:
        path, equals, text = setting.partition("=")
        rule, dot, bound = path.strip().partition(".")
        if not equals:
            raise LiveccError(f"--set {setting}: must be RULE.BOUND=VALUE, such as lm_loss.max=3")
        if rule not in (*rules, "on_unscored"):
            near = _nearest(rule, [*rules, "on_unscored"])
            raise LiveccError(f"--set {setting}: {track} has no rule {rule!r}{near}")
        bounds = _BOUNDS.get(rule, _BAND)
        if rule == "on_unscored" and not dot:
            thresholds[rule] = text.strip()
        elif not dot and text.strip().lower() in ("none", "null", "~"):
            thresholds[rule] = None
        elif bound not in bounds or rule == "on_unscored":
            near = "" if rule == "on_unscored" else _nearest(bound, bounds)
            raise LiveccError(f"--set {setting}: {rule} has no bound {bound!r}{near}")
        else:
            value = _value(setting, bound, text.strip())
            thresholds[rule] = {**(thresholds.get(rule) or {}), bound: value}
            if value is None:
                del thresholds[rule][bound]
    return thresholds


def _value(setting: str, bound: str, text: str) -> Any:
    if text.lower() in ("none", "null", "~"):
        return None
    if bound in _LISTS:
        return [part.strip(" \"'") for part in text.strip("[]").split(",")]
    try:
        return float(text)
    except ValueError:
        raise LiveccError(f"--set {setting}: {text!r} is no number") from None
