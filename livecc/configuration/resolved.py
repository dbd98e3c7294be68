"""What a valid configuration resolves to: tracks, shards, stages, gates, models."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import CachedStage, Engine, Model, Stage, TableStage, rules_of
from livecc.errors import LiveccError
from livecc.files.lines import shard_name
from livecc.files.paths import expanded
from livecc.formats.layout import Layout
from livecc.formats.shards import SHARD_NAME
from livecc.sources.places import shard_names
from livecc.stages.catalogue import catalogue_of
from livecc.stages.describe_video.declaration import EXCLUDED
from livecc.stages.plugins import engine_of
from livecc.terminal import nearest, printable
from livecc.thresholds.kinds import Rule
from livecc.thresholds.listed import NotListed
from livecc.thresholds.sets import (
    LENIENCE,
    ON_UNKNOWN,
    ON_UNSCORED,
    parse_rules,
    rules_to_json,
    union,
)

#: The settings of a track that say what goes in.
INPUTS = ("inputs", "sources", "from")


def active_tracks(config: Mapping[str, Any]) -> list[str]:
    """The tracks that have inputs, in order."""
    tracks = config["tracks"]
    return [
        name
        for name in catalogue_of(config).tracks
        if any(tracks.get(name, {}).get(key) for key in INPUTS)
    ]


# --- shards --------------------------------------------------------------------------------------


def shards(config: Mapping[str, Any], track: str) -> dict[str, str]:
    """Shard name -> input file of a track, sorted by name; raises like `find_shards`.

    Files that the workflow itself makes need not exist.
    """
    told, layout = config["tracks"][track], Layout.of(config)
    if told.get("from") is not None:
        names = shards(config, told["from"]["track"])
        return {name: layout.shard(track, name).taken_lines for name in names}
    found = find_shards(told.get("inputs", ()), f"tracks.{track}.inputs")
    _check_no_results(found.values(), layout, track)
    for source, name in source_shards(config, track):
        if name in found:
            raise LiveccError(
                f"tracks.{track}.sources: {found[name]} and source {source!r} would both have "
                f"shard {name!r}; rename one"
            )
        found[name] = layout.source(source).lines(name)
    return dict(sorted(found.items()))


def _check_no_results(files: Iterable[str], layout: Layout, track: str) -> None:
    """Raise LiveccError for an input file that a run has made in the same results."""
    # Of many files: their names are compared, not where links lead.
    made = tuple(f"{os.path.abspath(one)}/" for one in layout.made_folders(track))  # noqa: PTH100
    for file in files:
        if os.path.abspath(file).startswith(made):  # noqa: PTH100
            raise LiveccError(
                f"tracks.{track}.inputs: {printable(file)} is in {layout.results!r}, where it was "
                "made by an earlier run; let no pattern match what is there"
            )


def source_shards(config: Mapping[str, Any], track: str) -> list[tuple[str, str]]:
    """(source, shard) for all shards of a track that are made of sources."""
    return [
        (source, shard)
        for source in dict.fromkeys(config["tracks"][track].get("sources", ()))
        for shard in shard_names(source, config["sources"][source]["shards"])
    ]


def used_sources(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Source -> the tracks that use it; only those that are used."""
    used: dict[str, list[str]] = {}
    for track in active_tracks(config):
        for source in config["tracks"][track].get("sources", ()):
            used.setdefault(source, []).append(track)
    return used


def find_shards(patterns: Iterable[str], key: str) -> dict[str, str]:
    """Shard name -> matching input file, sorted by name.

    `key` is the setting that holds the patterns, for messages. Raises LiveccError when a pattern
    matches no file, a file is not JSON lines or has braces in its path, or two files have the same
    stem.
    """
    found: dict[str, str] = {}
    for number, pattern in enumerate(patterns):
        place = f"{key}[{number}]"
        # Path.glob does not accept absolute patterns.
        files = sorted(glob.glob(str(expanded(pattern)), recursive=True))  # noqa: PTH207
        if not files:
            raise LiveccError(f"{place}: {pattern!r} matches no file{_nearest_file(pattern)}")
        for file in files:
            name = shard_name(file)
            # A file matched by two patterns is one shard.
            if name in found and Path(found[name]).resolve() != Path(file).resolve():
                raise LiveccError(
                    f"{place}: {printable(file)} and {printable(found[name])} would both be shard "
                    f"{name!r}; rename one: shards are named after the file stem"
                )
            if not SHARD_NAME.fullmatch(name):
                raise LiveccError(
                    f"{place}: {printable(file)}: shards are named after the file stem, which may "
                    "contain only letters, digits and _ . - + = @ , and not start with -; rename "
                    "the file"
                )
            if re.search(r"[{}\n]", file):
                raise LiveccError(
                    f"{place}: {file!r} must not contain braces or line breaks, which Snakemake "
                    "reads as wildcards; rename the folder, or give a link to it"
                )
            found.setdefault(name, file)
    return dict(sorted(found.items()))


def _nearest_file(pattern: str) -> str:
    if glob.has_magic(pattern) and expanded(pattern).exists():
        return "; *, ? and [ ] are wildcards: write [[] for a literal ["
    if re.search(r"\{.*,.*\}", pattern):
        return "; {a,b} is not expanded: list the patterns one by one"
    folder = expanded(pattern).parent
    if glob.has_magic(str(folder)):
        return ""
    if not folder.is_dir():
        return f"; the folder {folder} does not exist"
    return nearest(Path(pattern).name, sorted(entry.name for entry in folder.iterdir()))


# --- stages --------------------------------------------------------------------------------------


def active_stages(config: Mapping[str, Any], track: str) -> list[TableStage]:
    """The enabled scoring stages of a track, in order."""
    return catalogue_of(config).tracks[track].score_stages_for(config)


def clip_stages(config: Mapping[str, Any], track: str) -> list[Stage]:
    """The stages that create a track's clips, in order; each writes stats."""
    return catalogue_of(config).tracks[track].clip_stages_for(config)


def cached_stages(config: Mapping[str, Any], track: str) -> list[CachedStage]:
    """The stages of a track that use the score cache, in order."""
    stages = [*clip_stages(config, track), *active_stages(config, track)]
    return [stage for stage in stages if isinstance(stage, CachedStage)]


def chosen_engine(config: Mapping[str, Any], stage: CachedStage) -> Engine | None:
    """The engine that a stage uses; None for a stage without engines."""
    return engine_of(stage, config[stage.name]["engine"]) if stage.engines else None


# --- thresholds ----------------------------------------------------------------------------------


def active_rules(config: Mapping[str, Any], track: str) -> dict[str, Rule]:
    """The rules whose scores are available, in the order they are applied."""
    return rules_of(active_stages(config, track))


def earlier_rules(stages: Sequence[TableStage], stage: str) -> dict[str, Rule]:
    """The rules whose scores are available when a stage of `stages` starts."""
    names = [one.name for one in stages]
    return rules_of(stages[: names.index(stage)])


def selections(config: Mapping[str, Any], track: str) -> dict[str, dict[str, Any]]:
    """Selection name -> its thresholds for the track; selections set to null are omitted.

    Lists of excluded videos have their digests: who changes a list changes the thresholds.
    """
    return {
        name: _with_digests(selection[track])
        for name, selection in config["selections"].items()
        if selection and selection.get(track) is not None
    }


def _with_digests(thresholds: Mapping[str, Any]) -> dict[str, Any]:
    told = thresholds.get(EXCLUDED)
    if not told:
        return dict(thresholds)
    # The checks report lists that cannot be read.
    with suppress(LiveccError):
        return {**thresholds, EXCLUDED: NotListed.parse(("",), told).to_json()}
    return dict(thresholds)


def gate(config: Mapping[str, Any], track: str, stage: str) -> dict[str, Any]:
    """The thresholds on earlier scores that decide which items a stage scores; empty for all.

    `auto` is the union of what the track's selections keep; if one of them keeps unscored clips, or
    clips whose values are unknown, so does the gate. The gate of a stage that makes clips is on
    what input lines tell (`LINE_RULES`), because there are no scores yet.
    """
    setting = config[stage].get("gate", "none")
    if setting == "none":
        return {}
    stages = active_stages(config, track)
    is_scored = any(one.name == stage for one in stages)
    earlier = earlier_rules(stages, stage) if is_scored else line_rules(stages)
    if setting == "auto":
        chosen = selections(config, track).values()
        whole = union([parse_rules(rules, earlier) for rules in chosen])
        lenient = {
            key: "keep" for key in LENIENCE if any(rules.get(key) == "keep" for rules in chosen)
        }
    else:
        whole, lenient = parse_rules(setting, earlier), {}
        if setting.get(ON_UNKNOWN) == "keep":
            lenient = {ON_UNKNOWN: "keep"}
    if not is_scored and not whole:
        return {}
    if not is_scored:
        lenient.pop(ON_UNSCORED, None)
    if not any(earlier[name].may_be_unknown for name in whole):
        lenient.pop(ON_UNKNOWN, None)
    return rules_to_json(whole) | lenient


def line_rules(stages: Sequence[TableStage]) -> dict[str, Rule]:
    """The rules of enabled stages whose values input lines tell."""
    return {name: rule for name, rule in rules_of(stages).items() if rule.of_line}


def explicit_gates(config: Mapping[str, Any], track: str) -> dict[str, dict[str, Any]]:
    """Stage -> its gate, for stages with an explicit gate.

    A score outside such a gate comes from a run with a wider one; selections ignore it. `auto`
    needs no entry: clips outside fail an earlier rule of every selection.
    """
    return {
        stage.name: gate(config, track, stage.name)
        for stage in active_stages(config, track)
        if stage.gated and isinstance(config[stage.name]["gate"], Mapping)
    }


# --- models --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelUse:
    """A model in one of a stage's model roles."""

    stage: CachedStage
    role: str
    model: Model

    @property
    def name(self) -> str:
        """The stage, or `stage:role` for a model in a named role."""
        return f"{self.stage.name}:{self.role}" if self.role else self.stage.name


def models_of(config: Mapping[str, Any]) -> list[ModelUse]:
    """The models of all stages in active tracks."""
    needed = dict.fromkeys(
        stage for track in active_tracks(config) for stage in cached_stages(config, track)
    )
    return [
        ModelUse(stage, role, model)
        for stage in catalogue_of(config).cached_stages
        if stage in needed
        for role, model in stage.models(config[stage.name]).items()
    ]


def models(config: Mapping[str, Any]) -> dict[str, str]:
    """Use -> the model it needs, for all stages in active tracks."""
    return {use.name: use.model.reference for use in models_of(config)}


def optional_models(config: Mapping[str, Any]) -> set[str]:
    """The models whose uses are all optional."""
    uses = models_of(config)
    needed = {use.model.reference for use in uses if not use.model.optional}
    return {use.model.reference for use in uses} - needed
