"""What a valid configuration resolves to: tracks, shards, stages, gates, models."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import CachedStage, Engine, Model, Stage, TableStage, rules_of
from livecc.errors import LiveccError
from livecc.files.lines import shard_name
from livecc.files.paths import expanded
from livecc.formats.shards import SHARD_NAME
from livecc.stages.catalogue import catalogue_of
from livecc.stages.plugins import engine_of
from livecc.terminal import nearest, printable
from livecc.thresholds.kinds import Rule
from livecc.thresholds.sets import ON_UNSCORED, parse_rules, rules_to_json, union


def active_tracks(config: Mapping[str, Any]) -> list[str]:
    """The tracks that have inputs, in order."""
    tracks = config["tracks"]
    return [name for name in catalogue_of(config).tracks if tracks.get(name, {}).get("inputs")]


# --- shards --------------------------------------------------------------------------------------


def shards(config: Mapping[str, Any], track: str) -> dict[str, str]:
    """Shard name -> input file of a track, sorted by name; raises like `find_shards`."""
    return find_shards(config["tracks"][track]["inputs"], f"tracks.{track}.inputs")


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
    """Selection name -> its thresholds for the track; selections set to null are omitted."""
    return {
        name: selection[track]
        for name, selection in config["selections"].items()
        if selection and selection.get(track) is not None
    }


def gate(config: Mapping[str, Any], track: str, stage: str) -> dict[str, Any]:
    """The thresholds on earlier scores that decide which items a stage scores; empty for all.

    `auto` is the union of what the track's selections keep; if one of them keeps unscored clips,
    so does the gate.
    """
    setting = config[stage].get("gate", "none")
    if setting == "none":
        return {}
    earlier = earlier_rules(active_stages(config, track), stage)
    if setting == "auto":
        chosen = selections(config, track).values()
        bands = [parse_rules(rules, earlier) for rules in chosen]
        keeps = any(rules.get(ON_UNSCORED) == "keep" for rules in chosen)
        return rules_to_json(union(bands)) | ({ON_UNSCORED: "keep"} if keeps else {})
    return rules_to_json(parse_rules(setting, earlier))


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
