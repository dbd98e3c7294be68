"""Checks of the configuration, before any job starts."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from livecc.configuration.messages import schema_problems
from livecc.configuration.options import defaults, guest_engines, is_allowed, json_schema
from livecc.configuration.resolved import (
    active_tracks,
    earlier_rules,
    models_of,
    selections,
    shards,
    used_sources,
)
from livecc.configuration.texts import read_texts
from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.paths import expanded
from livecc.files.yaml_files import DEFAULTS_FILE, REPOSITORY, overlay, read_yaml, refuse_unfolding
from livecc.formats.layout import RESERVED_NAMES
from livecc.formats.tables import schema
from livecc.stages.catalogue import Catalogue, catalogue_of
from livecc.stages.describe_video.declaration import EXCLUDE, EXCLUDED
from livecc.stages.external_scores.check import (
    SECTION,
    name_problems,
    section_schema,
    table_problems,
    taken_names,
    track_problems,
)
from livecc.terminal import nearest
from livecc.thresholds.kinds import Rule
from livecc.thresholds.listed import list_problems
from livecc.thresholds.sets import ON_UNKNOWN, TOP

#: Types of columns that rank clips, and their names in Arrow.
_NUMBERS = ("float64", "int32", "int64")
_ARROW_NUMBERS = {"double": "float64", "int32": "int32", "int64": "int64"}
#: What Snakemake reads as something else in the path of a file.
_BRACES = re.compile(r"[{}\n]")
#: By their permissions root may write there; no folder can be made.
_OF_THE_KERNEL = (("/", "proc"), ("/", "sys"))


def load(files: Iterable[Path | str] = ()) -> dict[str, Any]:
    """The defaults merged with `files`, checked.

    Raises LiveccError when a file cannot be read or a setting is invalid.
    """
    config = read_yaml(DEFAULTS_FILE)
    for file in files:
        overlay(config, read_yaml(file))
    config = complete(config)
    check(config)
    return config


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with missing defaults filled in: of config.yaml, of plugin stages.

    Texts that stand for something else are read: "true", "8", "null", "~/data".

    Raises LiveccError when a section names a stage that cannot be loaded, or aliases of YAML stand
    for too much.
    """
    refuse_unfolding(config, "the configuration")
    config = _filled(config, read_yaml(DEFAULTS_FILE))
    told = {**config, SECTION: config.get(SECTION) or {}}
    # `check` reports invalid external scores.
    usable = {**told, SECTION: {}} if list(_external_names(told)) else told
    catalogue = catalogue_of(usable)
    whole = _filled(told, defaults(catalogue, guest_engines(catalogue, told)))
    schema = json_schema(catalogue, told)
    read: dict[str, Any] = read_texts(whole, schema, schema["$defs"])
    return _with_exclude(read, catalogue)


def _with_exclude(config: dict[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The configuration in which every selection has the rule `excluded` with the lists of all.

    A selection with `excluded: null` has none.
    """
    lists, selections = config[EXCLUDE], config["selections"]
    if not lists or not isinstance(lists, list) or not isinstance(selections, Mapping):
        return config

    def with_lists(thresholds: Any) -> Any:
        if not isinstance(thresholds, Mapping):
            return thresholds
        told = thresholds.get(EXCLUDED, {"lists": []})
        if not isinstance(told, Mapping) or not isinstance(told.get("lists"), list):
            return thresholds
        return {**thresholds, EXCLUDED: {"lists": list(dict.fromkeys([*told["lists"], *lists]))}}

    able = [track for track in catalogue.tracks if EXCLUDED in catalogue.track_rules(track)]
    return {
        **config,
        "selections": {
            name: {
                track: with_lists(thresholds) if track in able else thresholds
                for track, thresholds in selection.items()
            }
            if isinstance(selection, Mapping)
            else selection
            for name, selection in selections.items()
        },
    }


def _filled(given: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, in its order, plus the keys of `default` that it lacks, recursively."""
    whole = {
        key: _filled(value, default[key])
        if isinstance(value, Mapping) and isinstance(default.get(key), Mapping)
        else value
        for key, value in given.items()
    }
    return whole | {key: value for key, value in default.items() if key not in given}


def _external_names(config: Mapping[str, Any]) -> Iterator[str]:
    """Errors in external scores that would break the catalogue built from them."""
    external = config.get(SECTION) or {}
    if not external:
        return
    yield from schema_problems({SECTION: external}, section_schema())
    if isinstance(external, Mapping):
        others = catalogue_of({**config, SECTION: {}})
        taken = taken_names(others.stages.values(), {*config, *defaults(others)})
        yield from name_problems(external, taken)


def check(config: Mapping[str, Any]) -> None:
    """Raise LiveccError listing each invalid setting: value, what is allowed, nearest known key.

    `config` is complete.
    """
    problems = list(_external_names(config))
    if not problems:
        catalogue = catalogue_of(config)
        if not is_allowed(config, catalogue):
            problems = list(schema_problems(config, json_schema(catalogue, config)))
    problems = problems or list(_other_problems(config))
    if problems:
        raise LiveccError("Configuration: " + "\n".join(problems))


def _other_problems(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _not_finite(config, ())
    unreadable = list(list_problems(EXCLUDE, config[EXCLUDE]))
    if unreadable:
        # They are part of every selection.
        yield from unreadable
        return
    yield from _selection_problems(config)
    yield from _split_problems(config)
    catalogue = catalogue_of(config)
    for stage in catalogue.stages.values():
        gate = stage.gated and config[stage.name]["gate"]
        if isinstance(gate, Mapping):
            yield from _bound_problems(f"{stage.name}.gate", gate, catalogue.rules)
            yield from _gate_problems(config, stage.name, gate)
    for stage in catalogue.stages.values():
        yield from stage.problems(config)
    yield from track_problems(config[SECTION], catalogue.tracks)
    yield from table_problems(config[SECTION])
    yield from _exclude_problems(config)
    yield from _model_problems(config)
    yield from _place_problems(config)
    yield from _input_problems(config)


def _not_finite(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _not_finite(inner, (*path, str(key)))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{'.'.join(path)}: {value} is not allowed; it must be a finite number"


def _split_problems(config: Mapping[str, Any]) -> Iterator[str]:
    held_out = config["split"]
    if sum(held_out.values()) >= 1:
        told = ", ".join(f"{name}: {fraction}" for name, fraction in held_out.items())
        yield f"split: {{{told}}} leaves no video for training; together they must be below 1"


def _selection_problems(config: Mapping[str, Any]) -> Iterator[str]:
    rules = catalogue_of(config).rules
    for name, selection in config["selections"].items():
        if not isinstance(name, str):
            yield f"selections.{name}: YAML does not read the name as a string; quote it"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            yield (
                f"selections.{name}: selection names are folder names: only letters, digits, - "
                "and _, starting with a letter or digit, at most 64 characters"
            )
        if name in RESERVED_NAMES:
            yield f"selections.{name}: reserved name; not allowed: {', '.join(RESERVED_NAMES)}"
        for track, thresholds in (selection or {}).items():
            place = f"selections.{name}.{track}"
            yield from _bound_problems(place, thresholds or {}, rules)
            if thresholds and thresholds.get(TOP):
                stages = [
                    stage
                    for stage in catalogue_of(config).tracks[track].score_stages
                    # One that is on where somebody asks for its scores is asked by this.
                    if not stage.can_be_off or config[stage.name]["enabled"] is not False
                ]
                yield from _top_problems(f"{place}.{TOP}", thresholds[TOP], stages)


def _top_problems(
    place: str, told: Mapping[str, Any], stages: Iterable[TableStage]
) -> Iterator[str]:
    """Columns that cannot rank or divide clips; `stages` are those that score them."""
    scores = {name: kind for stage in stages for name, kind in stage.columns.items()}
    clips = {one.name: _ARROW_NUMBERS.get(str(one.type), "") for one in schema("clips")}
    numbers = [name for name, kind in {**clips, **scores}.items() if kind in _NUMBERS]
    labels = [name for name, kind in scores.items() if kind == "string"]
    for key, allowed, what in (("by", numbers, "numeric"), ("per", labels, "text")):
        name = told.get(key)
        if name is not None and name not in allowed:
            yield (
                f"{place}.{key}: {name!r} is no {what} column of clips or of an enabled stage"
                f"{nearest(name, allowed)}; there is {', '.join(allowed) or 'none'}"
            )


def _bound_problems(
    path: str, thresholds: Mapping[str, Any], rules: Mapping[str, Rule]
) -> Iterator[str]:
    for name, rule in rules.items():
        bounds = thresholds.get(name)
        if bounds is not None:
            yield from rule.problems(f"{path}.{name}", bounds)


def _gate_problems(config: Mapping[str, Any], stage: str, gate: Mapping[str, Any]) -> Iterator[str]:
    """A gate may use earlier scores only: a rule on its own or a later one would never apply."""
    catalogue = catalogue_of(config)
    earlier: dict[str, Rule] = {}
    for track in catalogue.tracks.values():
        names = [one.name for one in track.score_stages]
        if stage in names:
            earlier |= earlier_rules(track.score_stages, stage)
    if stage in {one.name for one in catalogue.clip_stages}:
        earlier = {name: rule for name, rule in catalogue.rules.items() if rule.of_line}
    for rule in gate:
        if rule not in earlier and rule != ON_UNKNOWN:
            allowed = ", ".join(name for name in catalogue.rules if name in earlier)
            yield f"{stage}.gate.{rule}: not scored before {stage}; this gate may use {allowed}"


def _exclude_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Lists that would have no effect in a track."""
    for track in active_tracks(config) if config[EXCLUDE] else ():
        if EXCLUDED not in catalogue_of(config).track_rules(track):
            yield (
                f"{EXCLUDE}: {track} has no stage that finds the ids of videos; let "
                "describe_video join the track, or leave the lists out"
            )


def _model_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """A model of models.yaml must fit the task it is used for."""
    entries = read_yaml(REPOSITORY / "models.yaml")
    for use in models_of(config):
        task, wanted = entries.get(use.model.reference, {}).get("task"), use.model.task
        if task is not None and wanted is not None and task != wanted:
            fitting = [name for name, entry in entries.items() if entry["task"] == wanted]
            yield (
                f"{use.stage.name}.{use.model.option}: {use.model.reference!r} is a {task}, "
                f"not for {wanted}; models.yaml has {', '.join(fitting)}"
            )


def check_writable(config: Mapping[str, Any]) -> None:
    """Make the folders that a run writes; who only reads need not ask.

    Raises LiveccError if it could not write there.
    """
    for key in ("results", "score_cache"):
        if config[key] is not None:
            place = nearest_folder(config[key])
            if not os.access(place, os.W_OK):
                raise LiveccError(
                    f"{key}: {config[key]!r} is not writable: no permission in {place} "
                    "(docs/running.md, results of a group)"
                )
            try:
                Path(config[key]).expanduser().mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LiveccError(
                    f"{key}: {config[key]!r} cannot be made: {place} takes no new folder "
                    f"({error.strerror}); choose another one"
                ) from None


def nearest_folder(folder: str) -> Path:
    """A folder, or the nearest one above it that exists."""
    place = Path(folder).expanduser().absolute()
    while not os.path.lexists(place):
        place = place.parent
    return place


def _fault_of_path(path: str) -> str | None:
    """Why the system has no file of this name, now or later; None if it may have one."""
    if Path(os.path.realpath(nearest_folder(path))).parts[:2] in _OF_THE_KERNEL:
        return f"the kernel keeps {nearest_folder(path)} to itself"
    try:
        os.lstat(expanded(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return "it has a character that no path may have"
    except OSError as error:
        return str(error.strerror)
    return None


def _place_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Folders that cannot be any, interpreters that do not exist, and names of wildcards."""
    named = {key: config[key] for key in ("results", "score_cache", "models_folder", "container")}
    for key, path in named.items():
        if path is not None and _BRACES.search(path):
            yield (
                f"{key}: {path!r} must not contain braces or line breaks, which Snakemake reads "
                "as wildcards"
            )
    for key in ("results", "score_cache", "models_folder"):
        if config[key] is None or _BRACES.search(config[key]):
            continue
        place = nearest_folder(config[key])
        if fault := _fault_of_path(config[key]):
            yield f"{key}: {config[key]!r} cannot be a folder: {fault}"
        elif not place.is_dir():
            yield f"{key}: {config[key]!r} cannot be a folder: {place} is a file"
    for kind, python in config["environments"].items():
        if python is not None and shutil.which(python) is None:
            yield f"environments.{kind}: {python!r} is not an executable"


def _input_problems(config: Mapping[str, Any]) -> Iterator[str]:
    with_input = active_tracks(config)
    if not with_input:
        yield (
            "tracks: no input; name your downloads in sources and tracks.pretrain.sources (livecc "
            "init FOLDER writes a configuration), JSON-lines files in tracks.pretrain.inputs or "
            "tracks.sft.inputs, or try the demo (make demo)"
        )
    yield from _source_problems(config)
    for name in with_input:
        problems = [*_unknown_sources(config, name), *_from_problems(config, name)]
        yield from problems
        if problems:
            continue
        try:
            shards(config, name)
        except LiveccError as error:
            yield str(error)
        if not Path(config["tracks"][name]["videos"]).is_dir():
            yield (
                f"tracks.{name}.videos: {config['tracks'][name]['videos']!r} is not a folder; give "
                'the folder that the "video" paths of the records are relative to'
            )
        if not selections(config, name):
            yield f"selections: no selection has thresholds for {name}; add selections.NAME.{name}"


def _from_problems(config: Mapping[str, Any], name: str) -> Iterator[str]:
    """What is wrong with a track whose videos are those that another one keeps."""
    told = config["tracks"][name]
    given = told.get("from")
    if given is None:
        return
    path = f"tracks.{name}.from"
    for key in ("inputs", "sources"):
        if told.get(key):
            yield f"{path}: tracks.{name}.{key} is given, too; leave one of them out"
    givers = [
        other for other in active_tracks(config) if config["tracks"][other].get("from") is None
    ]
    if given["track"] not in givers or given["track"] == name:
        others = [other for other in givers if other != name]
        allowed = f"one of {', '.join(others)}" if others else "another track, and none has any"
        yield f"{path}.track: {given['track']!r} must be a track with inputs of its own: {allowed}"
    elif given["selection"] not in selections(config, given["track"]):
        known = list(selections(config, given["track"]))
        yield (
            f"{path}.selection: {given['selection']!r} is no selection of {given['track']}"
            f"{nearest(given['selection'], known)}; there are {', '.join(known) or 'none'}"
        )


def _unknown_sources(config: Mapping[str, Any], name: str) -> Iterator[str]:
    for source in config["tracks"][name].get("sources", ()):
        if source not in config["sources"]:
            hint = nearest(source, sorted(config["sources"]))
            yield f"tracks.{name}.sources: {source!r} is not in `sources`{hint}"


def _source_problems(config: Mapping[str, Any]) -> Iterator[str]:
    for name, source in config.get("sources", {}).items():
        path = f"sources.{name}"
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
            yield (
                f"{path}: shards are named after their source: only letters, digits, - and _, "
                "starting with a letter or digit, at most 64 characters"
            )
        for number, part in enumerate(source["from"]):
            for place in part["paths"]:
                if _BRACES.search(place):
                    yield f"{path}.from[{number}]: {place!r} must not contain braces or line breaks"
            if "{id}" not in part.get("video", "{id}"):
                yield (
                    f"{path}.from[{number}].video: {part['video']!r} must contain {{id}}, or all "
                    "videos are one file"
                )
    used = used_sources(config)
    for name, tracks in used.items():
        roots = {config["tracks"][track]["videos"] for track in tracks}
        if name in config["sources"] and len(roots) > 1:
            yield (
                f"sources.{name}: the paths of its videos are relative to "
                f"tracks.{tracks[0]}.videos, which must be the same for {' and '.join(tracks)}"
            )
