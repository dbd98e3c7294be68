"""Stage declarations: one object with everything the rest of the workflow needs about a stage.

Rules, command lines, tables, decisions, the configuration's schema, plans, manifests and summaries
are derived from it. Every field that changes results is required: a missing or contradictory value
fails when the module is imported, with an error that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from livecc.errors import LiveccError
from livecc.files.model_folders import refuse_code
from livecc.sections import Flag, NotNegative, Positive, Section, flags_of, option, options_of
from livecc.thresholds.kinds import WORDS_PER_SECOND, Band, Rule
from livecc.thresholds.sets import TOP

#: Whether something runs on a GPU: "yes" if there is one, "asked" only with `device: cuda`.
OnGpu = Literal["yes", "asked", "no"]
#: Possible inputs of a stage: files of its shard (lines: the input file), the folder of videos, and
#: the mode.
NEEDS = ("lines", "records", "transcripts", "clips", "videos", "mode")
#: Column types of tables, by their Arrow names.
COLUMN_TYPES = ("string", "int32", "int64", "float64", "bool")
#: Columns of every score table, between the item's id and the stage's own columns.
STATUS: dict[str, str] = {"status": "string", "reason": "string"}

NAME = re.compile(r"[a-z][a-z0-9_]*")
#: What `enabled` and `gate` may be: as the rest of the configuration asks.
AUTO = "auto"
_PLACE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
#: Marks a field that was not given.
_MISSING: Any = type("_Missing", (), {"__repr__": lambda _: "MISSING"})()


class DeclarationError(LiveccError):
    """A declaration is incomplete or contradicts itself."""


# --- options that any stage may have -------------------------------------------------------------


class StageOptions(Section):
    """The section of a stage; a subclass adds its options.

    `flags` and `values` define the stage's command line. A class overrides them if its arguments do
    not correspond one to one to its options.
    """

    @classmethod
    def flags(cls) -> tuple[Flag, ...]:
        """The command-line arguments."""
        return flags_of(cls)

    @classmethod
    def add_to(cls, parser: Any) -> None:
        """Add the arguments to an argparse parser or group."""
        for flag in cls.flags():
            flag.add_to(parser)

    @classmethod
    def values(cls, section: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that apply to the section's engine, with values, in the order of the class."""
        engine = section.get("engine")
        return {
            one.use.flag or one.name: section[one.name]
            for one in options_of(cls)
            if one.use.effect != "none" and one.use.engine in (None, engine)
        }


class SwitchedOptions(StageOptions):
    """The section of a stage that can be disabled."""

    enabled: Annotated[bool, option("Whether the stage runs.")] = True


class AskedOptions(StageOptions):
    """The section of a stage that runs only where somebody asks for its scores."""

    enabled: Annotated[
        Literal["auto"] | bool,
        option("Whether the stage runs; auto: if a selection or a gate uses its scores."),
    ] = "auto"


class GatedOptions(SwitchedOptions):
    """The section of a stage that scores only the items inside its gate."""

    gate: Annotated[
        Literal["auto", "none"] | dict[str, Any],
        option(
            "Which items to score: auto (those that at least one selection could keep), none (no "
            "gate: score all), or thresholds on earlier scores."
        ),
    ] = "auto"


class Resources(Section):
    """Resources of a job on its first attempt."""

    gpu: Annotated[NotNegative, option("Number of GPUs, if the stage runs on one.")]
    mem_mb: Annotated[Positive, option("Memory in MB.")]
    runtime: Annotated[Positive, option("Run time in minutes.")]
    threads: Annotated[Positive, option("Number of CPU threads.")]


# --- parts of a declaration ----------------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """A model that a stage runs.

    option: the option of the stage's section that names it ("model"); None if the user cannot
        choose it.
    task: the task it must have in models.yaml; None: any.
    optional: whether a run can proceed without it; items it would have scored stay unscored.
    """

    reference: str
    option: str | None = None
    task: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Setup:
    """The arguments for loading an engine.

    models: role -> folder of the weights. options: argument -> value, as in the stage's section.
    device: "cpu" or "cuda". threads: number of CPU threads.
    """

    models: Mapping[str, Path]
    options: Mapping[str, Any]
    device: str
    mode: str
    threads: int

    def __post_init__(self) -> None:
        """Raises LiveccError when a model asks for code of its own."""
        for folder in self.models.values():
            refuse_code(Path(folder))

    def model(self, role: str = "") -> Path:
        """The folder of a model. Raises LiveccError when its receipt was not given."""
        if role not in self.models:
            flag = f"--{role}-receipt" if role else "--receipt"
            raise LiveccError(f"the engine needs a model: give its receipt ({flag})")
        return self.models[role]


@dataclass(frozen=True)
class Speed:
    """How fast a stage was on some machine, for plans until its own jobs have been measured.

    least, most: amounts of `unit` a second; they differ where inputs or settings do. unit: "item"
        of the stage, "word" of its clips, "second" of the clips or videos.
    device: "cpu" or "cuda". on: that machine, in words. model: the name of the model that it ran;
        None if it runs none. load: seconds for loading it.
    """

    least: float
    most: float
    unit: Literal["item", "word", "second"]
    device: Literal["cpu", "cuda"]
    on: str
    model: str | None = None
    load: float = 2.0


#: The machines of benchmarks/README.md.
CPU_OF_FIGURES = "2 cores of an AMD EPYC at 2.6 GHz"
GPU_OF_FIGURES = "one NVIDIA H200"


@dataclass(frozen=True)
class Engine:
    """An implementation that computes a stage's numbers.

    place: "module:Class" of the implementation, imported only by the job. The class implements the
        stage's protocol (`engine.py` in the stage's package).
    on_gpu: whether it runs on a GPU.
    environment: its own environment (envs/ENVIRONMENT.txt), if it cannot share that of the stage's
        kind of work.
    options: for an engine of another package, its options: the part of the stage's section that is
        named after the engine.
    version: for an engine of another package, raised when its numbers change.
    asks_service: whether its jobs use an external service. Profiles run one such job at a time,
        because a job sends many concurrent requests and a service's limits apply to all shards.
    speeds: how fast it was where it was measured (benchmarks/README.md).
    costs: for an engine that someone pays for: maps the section, a number of items and their words
        to the least and the most that it costs; None where the configuration has no prices.
    stands_in: for an engine that stands in for a model: what the summary says of its results, with
        the setting that changes it.
    """

    place: str = _MISSING
    on_gpu: OnGpu = _MISSING
    environment: str | None = None
    options: type[Section] | None = None
    version: str | None = None
    asks_service: bool = False
    stands_in: str | None = None
    speeds: tuple[Speed, ...] = ()
    costs: Callable[[Mapping[str, Any], float, float], tuple[float, float] | None] | None = None

    def __post_init__(self) -> None:
        what = "an engine" if self.place is _MISSING else f"engine {self.place}"
        _require_all(self, what)
        if not (isinstance(self.place, str) and _PLACE.fullmatch(self.place)):
            raise DeclarationError(
                f'engine {self.place!r}: `place` must read "module:Class", such as '
                '"my_package.engine:MyEngine"'
            )
        if self.on_gpu not in get_args(OnGpu):
            allowed = ", ".join(get_args(OnGpu))
            raise DeclarationError(
                f"engine {self.place}: `on_gpu` must be one of {allowed}, not {self.on_gpu!r}"
            )

    def load(self) -> Any:
        """The class. Raises LiveccError when it cannot be imported."""
        return imported(self.place)


def imported(place: str) -> Any:
    """The object that "module:name" refers to. Raises LiveccError if it cannot be imported."""
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise LiveccError(f"{place}: cannot be imported ({error})") from error


@dataclass(frozen=True)
class Join:
    """Where a stage of another package runs: in which track, after which stage (None: last)."""

    track: str
    after: str | None = None


def no_problems(config: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG001
    """For a stage whose section needs no checks beyond the schema."""
    return iter(())


def no_models(section: Mapping[str, Any]) -> dict[str, Model]:  # noqa: ARG001
    """For a stage that runs no model, or provides its own."""
    return {}


@dataclass(frozen=True)
class ByMode:
    """A stage's version in default mode and in paper mode."""

    default: str
    paper: str


# --- declarations --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """A stage that writes files for every shard.

    name: name of its rule, its script and its section of the configuration.
    version: raised if, and only if, its numbers change; ByMode(...) if they changed in one mode
        alone, so that nobody scores again in the other.
    says: what its job is doing, for the terminal ("Scoring talking heads").
    kind: its kind of work, which selects the environment (envs/KIND.txt) and the interpreter.
    options: the class of its section; None if it has no section.
    packages: packages whose versions may affect its numbers.
    resources: default resources of a job.
    problems: yields errors in its section, given the whole configuration, beyond its schema.
    """

    name: str = _MISSING
    version: str | ByMode = _MISSING
    says: str = _MISSING
    kind: str = _MISSING
    options: type[StageOptions] | None = _MISSING
    packages: tuple[str, ...] = _MISSING
    resources: Resources = _MISSING
    problems: Callable[[Mapping[str, Any]], Iterator[str]] = _MISSING

    def __post_init__(self) -> None:
        what = "a stage" if self.name is _MISSING else f"stage {self.name}"
        _require_all(self, what)
        for problem in self._contradictions():
            raise DeclarationError(f"{what}: {problem}")

    def _contradictions(self) -> Iterator[str]:
        for name in ("name", "kind"):
            value = getattr(self, name)
            if not (isinstance(value, str) and NAME.fullmatch(value)):
                yield f"`{name}` must be lower-case letters, digits and _, not {value!r}"
        if not (isinstance(self.says, str) and self.says.strip()):
            yield f"`says` must be a non-empty string, not {self.says!r}"
        if not all(isinstance(value, str) and value.strip() for value in self._versions()):
            of_two = "ByMode(...) of two strings" if isinstance(self.version, ByMode) else "string"
            yield f"`version` must be a non-empty {of_two}, not {self.version!r}"
        if not _is_subclass(self.options, StageOptions, or_none=True):
            yield f"`options` must be a subclass of StageOptions, or None, not {self.options!r}"
        if not _are_texts(self.packages):
            yield f"`packages` must be a tuple of names, not {self.packages!r}"
        if not isinstance(self.resources, Resources):
            yield f"`resources` must be Resources(...), not {self.resources!r}"
        if not callable(self.problems):
            yield f"`problems` must be a function of the configuration, not {self.problems!r}"

    def has_option(self, name: str) -> bool:
        return self.options is not None and name in self.options.__struct_fields__

    def version_in(self, mode: str) -> str:
        """The version of its numbers in a mode, "default" or "paper"."""
        default, paper = self._versions()
        return paper if mode == "paper" else default

    @property
    def depends_on_mode(self) -> bool:
        """Whether its version differs by mode."""
        default, paper = self._versions()
        return default != paper

    def _versions(self) -> tuple[str, str]:
        """In default mode and in paper mode."""
        version = self.version
        if isinstance(version, ByMode):
            return version.default, version.paper
        return version, version

    @property
    def can_be_off(self) -> bool:
        return self.has_option("enabled")

    @property
    def gated(self) -> bool:
        """Whether it scores only the items inside a gate."""
        return self.has_option("gate")

    def is_on(self, config: Mapping[str, Any], track: str | None = None) -> bool:
        """Whether it runs in `track`, which includes it; None: in any such track."""
        if not self.can_be_off:
            return True
        enabled = config[self.name]["enabled"]
        return self.is_asked_for(config, track) if enabled == AUTO else bool(enabled)

    def is_asked_for(self, config: Mapping[str, Any], track: str | None) -> bool:  # noqa: ARG002
        """Whether a configuration uses what it makes, for `enabled: auto`."""
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class CachedStage(Stage):
    """A stage that stores the result of each item in the score cache.

    engines: name -> engine, selected by the option `engine`. Empty if there is only one
        implementation.
    on_gpu: for a stage without engines, whether it runs on a GPU; None for one with engines.
    needs: its inputs, from NEEDS.
    item: what has one result, "clip" or "video".
    roles: roles of the models it may run: "" is the main model; each role has its own receipt.
    models: maps the section to the models that it runs, by role.
    prepare: "module:function" that creates a `livecc.scores.job.ScoreJob` from a `JobSpec`.
    speeds: how fast a stage without engines was where it was measured (benchmarks/README.md).
    """

    engines: Mapping[str, Engine] = _MISSING
    on_gpu: OnGpu | None = _MISSING
    needs: frozenset[str] = _MISSING
    item: Literal["clip", "video"] = _MISSING
    roles: tuple[str, ...] = _MISSING
    models: Callable[[Mapping[str, Any]], Mapping[str, Model]] = _MISSING
    prepare: str = _MISSING
    speeds: tuple[Speed, ...] = ()

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        if self.options is None:
            yield "`options` is None; a stage with a score cache needs a section"
            return
        yield from self._engine_problems()
        for need in sorted(set(self.needs) - set(NEEDS)):
            yield f"`needs` contains {need!r}; allowed are {', '.join(NEEDS)}"
        yield from _item_problems(self.item)
        if not _are_texts(self.roles):
            yield f"`roles` must be a tuple of strings, not {self.roles!r}"
        if not callable(self.models):
            yield f"`models` must be a function of the section, not {self.models!r}"
        if not (isinstance(self.prepare, str) and _PLACE.fullmatch(self.prepare)):
            yield f'`prepare` must read "module:function", not {self.prepare!r}'

    def _engine_problems(self) -> Iterator[str]:
        if bool(self.engines) != self.has_option("engine"):
            yield "`engines` and the option `engine` must be given together"
        elif self.engines:
            assert self.options is not None
            chosen = next(one.default for one in options_of(self.options) if one.name == "engine")
            if chosen not in self.engines:
                yield f"the default engine of `options`, {chosen!r}, is not in `engines`"
        if self.engines and self.on_gpu is not None:
            yield "`on_gpu` must be None, because each of its `engines` declares its own"
        if self.engines and self.speeds:
            yield "`speeds` must be empty, because each of its `engines` declares its own"
        if not self.engines and self.on_gpu not in get_args(OnGpu):
            yield f"`on_gpu` must be one of {', '.join(get_args(OnGpu))}, not {self.on_gpu!r}"

    @property
    def gated_by_lines(self) -> bool:
        """Whether its gate is on what input lines tell, because it makes clips and scores none."""
        return self.gated and not isinstance(self, TableStage)

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        """The command-line arguments derived from its options."""
        assert self.options is not None
        return self.options.flags()


@dataclass(frozen=True, eq=False, kw_only=True)
class TableStage(Stage):
    """A stage that writes a score table with one row per clip, or per video with clips.

    item: what has a row, "clip" or "video".
    columns: name -> type (from COLUMN_TYPES) of its table's columns after id, status and reason.
    rules: threshold rules on these columns, and on those of CLIP_COLUMNS.
    """

    item: Literal["clip", "video"] = _MISSING
    columns: Mapping[str, str] = _MISSING
    rules: tuple[Rule, ...] = _MISSING

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        yield from _item_problems(self.item)
        for name, kind in self.columns.items():
            if kind not in COLUMN_TYPES:
                yield f"column {name} has type {kind!r}; allowed are {', '.join(COLUMN_TYPES)}"
            if name in {*STATUS, "clip", "video"}:
                yield f"`columns` contains {name!r}, which every score table has"
            if name in CLIP_COLUMNS:
                yield f"`columns` contains {name!r}, which is a column of clips"
        if not self.rules:
            yield "`rules` is empty: no threshold could use its scores"
        for rule in self.rules:
            yield from self._rule_problems(rule)

    def _rule_problems(self, rule: Rule) -> Iterator[str]:
        known = {**CLIP_COLUMNS, **self.columns}
        missing = [column for column in rule.columns if column not in known]
        allowed = rule.kind.column_types
        if missing:
            yield f"rule {rule.name} uses {missing[0]!r}, which is not in `columns`"
        elif len(rule.columns) != len(allowed):
            yield f"rule {rule.name} must name {len(allowed)} columns ({rule.kind.__name__})"
        else:
            for column, types in zip(rule.columns, allowed, strict=True):
                if known[column] not in types:
                    yield (
                        f"rule {rule.name} ({rule.kind.__name__}) cannot use {column}, which "
                        f"is {known[column]} and not {' or '.join(types)}"
                    )
        if not rule.says.strip():
            yield f"rule {rule.name}: `says` is empty"

    def is_asked_for(self, config: Mapping[str, Any], track: str | None) -> bool:
        """Whether a selection has bounds on its scores or ranks clips by them, or a gate uses them.

        `track`: only selections for it; None: for any.
        """
        own = {rule.name for rule in self.rules}
        chosen = [
            thresholds
            for selection in config["selections"].values()
            for name, thresholds in (selection or {}).items()
            if thresholds and track in (None, name)
        ]
        gates = [
            section["gate"]
            for section in config.values()
            if isinstance(section, Mapping) and isinstance(section.get("gate"), Mapping)
        ]
        ranked = {(told.get(TOP) or {}).get(key) for told in chosen for key in ("by", "per")}
        return bool(ranked & self.columns.keys()) or any(
            told.get(name) is not None for told in (*chosen, *gates) for name in own
        )

    @property
    def absent(self) -> str | None:
        """Why an item has no row, in a few words; None: it was outside the stage's gate."""
        return None

    @property
    def rule_columns(self) -> dict[str, str]:
        """Its own columns that thresholds use, with their types, in order."""
        return {
            name: self.columns[name]
            for rule in self.rules
            for name in rule.columns
            if name in self.columns
        }

    @cached_property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of its table."""
        from livecc.formats.tables import arrow_schema

        return arrow_schema({self.item: "string", **STATUS, **self.columns})


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoreStage(CachedStage, TableStage):
    """A stage with a score table and a score cache, as most stages are.

    joins: for a stage of another package, the tracks in which it runs.
    """

    joins: tuple[Join, ...] = _MISSING

    def _contradictions(self) -> Iterator[str]:
        yield from super()._contradictions()
        if not self.can_be_off:
            yield "`options` has no `enabled`: score stages can be disabled"


# --- rules for clips -----------------------------------------------------------------------------

#: The rule that applies to every clip without a score: words per second.
CLIP_RULES = {
    WORDS_PER_SECOND: Rule(
        WORDS_PER_SECOND,
        Band,
        (WORDS_PER_SECOND,),
        "speaks too fast or too slowly",
        of_score=False,
    )
}
CLIP_RULE_COLUMNS = {WORDS_PER_SECOND: "float64"}
#: Where the video that a clip's sample shows ends (seconds).
CLIP_END = "video_end"
#: Further columns of clips that the rules of a stage may compare with its scores.
CLIP_COLUMNS = {CLIP_END: "float64"}


def rules_of(stages: Iterable[TableStage]) -> dict[str, Rule]:
    """The rules for clips with the scores of `stages`, in order."""
    return CLIP_RULES | {rule.name: rule for stage in stages for rule in stage.rules}


def rule_columns_of(stages: Iterable[TableStage]) -> dict[str, str]:
    """The columns that rules use, with their types, in order; those of clips first."""
    stages = list(stages)
    columns = CLIP_RULE_COLUMNS | clip_columns_of(stages)
    for stage in stages:
        columns |= stage.rule_columns
    return columns


def clip_columns_of(stages: Iterable[TableStage]) -> dict[str, str]:
    """The columns of clips that rules of `stages` compare with scores, with their types."""
    used = {name for stage in stages for rule in stage.rules for name in rule.columns}
    return {name: kind for name, kind in CLIP_COLUMNS.items() if name in used}


# --- checks --------------------------------------------------------------------------------------


def _require_all(declaration: Any, what: str) -> None:
    """Raise DeclarationError if a field was not given."""
    for one in fields(declaration):
        if getattr(declaration, one.name) is _MISSING:
            raise DeclarationError(
                f"{what}: `{one.name}` is missing from its declaration (see the docstring of "
                f"livecc.declaration.{type(declaration).__name__})"
            )


def _item_problems(item: Any) -> Iterator[str]:
    if item not in ("clip", "video"):
        yield f"`item` must be clip or video, not {item!r}"


def _is_subclass(value: Any, base: type, *, or_none: bool = False) -> bool:
    return (or_none and value is None) or (isinstance(value, type) and issubclass(value, base))


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
