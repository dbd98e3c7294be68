"""The thresholds of a what-if: configuration, selection, and changes by `--set`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livecc import configuration
from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.formats.layout import Layout
from livecc.formats.tables import schema
from livecc.selecting.what_if.answer import Question
from livecc.terminal import nearest
from livecc.thresholds.kinds import Rule, bounds_of, read_bound
from livecc.thresholds.sets import LENIENCE, TOP
from livecc.thresholds.top import Top


def ask_all(
    config: Mapping[str, Any],
    track: str | None,
    selection: str | None,
    settings: Sequence[str],
    against: str | None,
) -> list[Question]:
    """The question for `track`, or for all tracks with inputs that it can be asked of.

    These have the selections that it names and the rules of all settings. Raises like `ask`.
    """
    tracks = configuration.active_tracks(config)
    if track is None and len(tracks) > 1:
        named = {name for name in (selection, against) if name is not None}
        changed = {setting.partition("=")[0].partition(".")[0].strip() for setting in settings}
        able = [
            one
            for one in tracks
            if named <= configuration.selections(config, one).keys()
            and changed <= {*configuration.active_rules(config, one), *LENIENCE, TOP}
            and (TOP not in changed or _may_rank(config, one, selection, settings))
        ]
        # None can: `ask` says what is wrong for the first one.
        return [ask(config, one, selection, settings, against) for one in able or tracks[:1]]
    return [ask(config, track, selection, settings, against)]


def _may_rank(
    config: Mapping[str, Any], track: str, selection: str | None, settings: Sequence[str]
) -> bool:
    """Whether settings of `top` make sense: the selection has it, or they say by what to rank."""
    thresholds = configuration.selections(config, track).get(selection or "default") or {}
    ranks = any(setting.strip().startswith(f"{TOP}.by") for setting in settings)
    return ranks or thresholds.get(TOP) is not None


def ask(
    config: Mapping[str, Any],
    track: str | None,
    selection: str | None,
    settings: Sequence[str],
    against: str | None,
) -> Question:
    """The question asked on a command line.

    The thresholds are those of `selection` overridden by `settings` ("lm_loss.max=3"). The baseline
    is the selection `against`; without one, `selection` as configured if there are settings, else
    its last run.
    Raises LiveccError for an unknown track, selection or threshold, or an invalid value.
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
    _check_ranked(stages, thresholds)
    return Question(
        layout=Layout.of(config),
        track=track,
        selection=selection,
        shards=list(configuration.shards(config, track)),
        stages=stages,
        gates={
            stage.name: configuration.gate(asked, track, stage.name)
            for stage in stages
            if stage.gated
        },
        explicit_gates=configuration.explicit_gates(asked, track),
        thresholds=thresholds,
        before=None if base is None else selections[base],
    )


def _check_ranked(stages: Iterable[TableStage], thresholds: Mapping[str, Any]) -> None:
    """Raise LiveccError if no enabled stage has a column that `top` needs."""
    top = Top.of(thresholds)
    known = {*schema("clips").names, *(name for stage in stages for name in stage.columns)}
    for name in top.columns if top else ():
        if name not in known:
            raise LiveccError(
                f"{TOP}: no enabled stage has scored {name!r} yet; put it into the configuration "
                "and run the workflow, or enable the stage"
            )


def _chosen(kind: str, name: str | None, known: Sequence[str], default: str | None) -> str:
    """`name`, which must be among `known`; without a name, the only or the default one."""
    if name is None:
        if len(known) == 1:
            return known[0]
        if default in known:
            return str(default)
        raise LiveccError(f"which {kind}? Give --{kind} with one of {', '.join(known)}")
    if name not in known:
        raise LiveccError(f"there is no {kind} {name!r}{_nearest(name, known)}")
    return name


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    return f"{nearest(name, known, cutoff=0.4)}; there is {', '.join(known)}"


def changed_thresholds(
    config: Mapping[str, Any], track: str, base: Mapping[str, Any], settings: Sequence[str]
) -> dict[str, Any]:
    """The thresholds `base` with each of `settings` applied, in order.

    A setting is RULE.BOUND=VALUE, RULE=none to disable a rule, top.KEY=VALUE, top=none, or
    on_unscored=VALUE (on_unknown=VALUE). Lists are comma-separated.
    """
    thresholds = copy.deepcopy(dict(base))
    rules = configuration.active_rules(config, track)
    for setting in settings:
        path, equals, text = setting.partition("=")
        rule, dot, bound = path.strip().partition(".")
        if not equals:
            raise LiveccError(f"--set {setting}: must be RULE.BOUND=VALUE, such as lm_loss.max=3")
        if rule in LENIENCE and not dot:
            thresholds[rule] = text.strip()
        elif rule in LENIENCE:
            raise LiveccError(f"--set {setting}: {rule} has no bound {bound!r}")
        elif rule not in rules and rule != TOP:
            near = _nearest(rule, [*rules, *LENIENCE, TOP])
            raise LiveccError(f"--set {setting}: {track} has no rule {rule!r}{near}")
        elif not dot and _is_null(text):
            thresholds[rule] = None
        elif rule == TOP:
            thresholds[rule] = _changed_top(thresholds.get(rule), setting, bound, text.strip())
        else:
            thresholds[rule] = _changed(rules[rule], thresholds.get(rule), setting, bound, text)
    return thresholds


def _changed_top(
    before: Mapping[str, Any] | None, setting: str, key: str, text: str
) -> dict[str, Any]:
    """`top` with one of its keys changed or removed."""
    known = Top.__struct_fields__
    if key not in known:
        raise LiveccError(f"--set {setting}: {TOP} has no key {key!r}{_nearest(key, known)}")
    told = {name: value for name, value in (before or {}).items() if name != key}
    if _is_null(text):
        return told
    if key == "keep":
        if not text.isdecimal():
            raise LiveccError(f"--set {setting}: {text!r} is not a whole number")
        return {**told, key: int(text)}
    return {**told, key: text}


def _changed(
    rule: Rule, before: Mapping[str, Any] | None, setting: str, bound: str, text: str
) -> dict[str, Any]:
    """The bounds of a rule with one of them changed or removed."""
    known = bounds_of(rule.kind)
    if bound not in known:
        near = _nearest(bound, known)
        raise LiveccError(f"--set {setting}: {rule.name} has no bound {bound!r}{near}")
    bounds = dict(before or {})
    bounds.pop(bound, None)
    if _is_null(text):
        return bounds
    try:
        return {**bounds, bound: read_bound(rule.kind, bound, text.strip())}
    except LiveccError as error:
        raise LiveccError(f"--set {setting}: {error}") from None


def _is_null(text: str) -> bool:
    return text.strip().lower() in ("none", "null", "~")
