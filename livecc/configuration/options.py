"""The options of a whole configuration, as one typed class built from a catalogue's stages."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Annotated, Any, Literal

import msgspec

from livecc.declaration import CachedStage, Resources, Stage
from livecc.exports.formats import Options as ExportOptions
from livecc.formats import splits
from livecc.formats.video_paths import Outside
from livecc.sections import (
    NotNegative,
    PathText,
    Positive,
    Section,
    Text,
    option,
    options_of,
)
from livecc.sources.options import AnyPart
from livecc.stages.catalogue import Catalogue
from livecc.stages.external_scores.declaration import ExternalScore
from livecc.stages.plugins import engine_names, engine_of
from livecc.thresholds.kinds import Rule
from livecc.thresholds.top import Top

#: Thresholds of the selection defined in config.yaml, by track.
DEFAULT_SELECTION: dict[str, dict[str, Any]] = {
    "pretrain": {
        "words_per_second": {"min": 1, "max": 4},
        "language": {"labels": ["en"], "min_confidence": 0.9},
        "lm_loss": {"min": 1.5, "max": 6.5},
        "inside_video": {"max_seconds_beyond": 0},
        "talking_head": {"below": 0.3},
        "on_unscored": "drop",
    },
    "sft": {
        "language": {"labels": ["en"], "min_confidence": 0.9},
        "lm_loss": {"min": 1.5, "max": 5},
        "inside_video": {"max_seconds_beyond": 0},
        "active_speaker": {"min": 0, "max": 0.05},
        "prompt": {"answers": ["YES"]},
        "on_unscored": "drop",
    },
}


#: Snakemake takes milliseconds for each job of each shard.
MOST_SHARDS = 20_000


class KeptVideos(Section):
    """A selection of another track."""

    track: Annotated[Text, option("The other track.")]
    selection: Annotated[Text, option("A selection of its clips.")]


class Source(Section, rename={"from_": "from"}):
    """Videos with captions as other programs leave them, in shards."""

    shards: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MOST_SHARDS)],
        option("Number of shards; videos are divided by their ids."),
    ]
    from_: Annotated[
        Annotated[list[AnyPart], msgspec.Meta(min_length=1)],
        option("Where the videos are; an id that several have is taken from the first."),
    ]


class TrackInput(Section, rename={"from_": "from"}):
    """The input of a track: files, sources, or what another track keeps."""

    inputs: Annotated[list[Text], option("Globs of JSON-lines files, one shard each.")] = (
        msgspec.field(default_factory=list)
    )
    sources: Annotated[list[Text], option("Names of sources, whose shards are input, too.")] = (
        msgspec.field(default_factory=list)
    )
    from_: Annotated[
        KeptVideos | None,
        option("The videos of which another track keeps a clip, in its shards."),
    ] = None
    videos: Annotated[
        PathText, option('Folder that the "video" paths of records are relative to.')
    ] = "."
    videos_outside: Annotated[
        Outside,
        option(
            "Videos outside of that folder that may be opened: none; links: those that symbolic "
            "links in it lead to; paths: any, by absolute paths and ..."
        ),
    ] = "none"
    video_prefix: Annotated[
        str, option('What the training files have before each "video" path, such as "videos/".')
    ] = ""


class ReportOptions(Section):
    """The page about a run (livecc.report)."""

    enabled: Annotated[bool, option("Whether a run ends with its page, report.html.")] = True
    media: Annotated[
        Literal["copies", "links", "none"],
        option(
            "Clips that the page plays: small copies inside it; links to the video files, for "
            "looking at it on this machine; none."
        ),
    ] = "copies"
    megabytes: Annotated[
        Positive, option("Size of the page, at most; of the columns of very many clips it is more.")
    ] = 15
    shown: Annotated[Positive, option("Clips that the page shows with their words.")] = 240
    pictured: Annotated[NotNegative, option("Of these, clips with six frames.")] = 160
    played: Annotated[NotNegative, option("Of these, clips that play.")] = 40
    boxes: Annotated[
        bool,
        option(
            "Whether clips of the SFT track that play have boxes around faces, with the scores of "
            "who speaks. They are looked for again, which takes about 1 s a window of 6 s."
        ),
    ] = False


class General(Section):
    """The options that do not belong to a stage."""

    mode: Annotated[
        Literal["default", "paper"],
        option("default: the corrected pipeline; paper: the original behaviour."),
    ] = "default"
    results: Annotated[PathText, option("Output folder.")] = "results"
    score_cache: Annotated[
        PathText | None, option("Score cache folder; null: cache/ inside `results`.")
    ] = None
    models_folder: Annotated[PathText, option("Folder for downloaded model weights.")] = "models"
    device: Annotated[
        Literal["auto", "cpu", "cuda"], option("Where models run; auto: CUDA if available.")
    ] = "auto"
    sources: Annotated[dict[str, Source], option("Downloads and dumps, by name.")] = msgspec.field(
        default_factory=dict
    )
    external_scores: Annotated[dict[str, ExternalScore], option("Your own scores, by name.")] = (
        msgspec.field(default_factory=dict)
    )
    exclude: Annotated[
        list[Text], option("Lists of ids of videos that no selection keeps, one id a line.")
    ] = msgspec.field(default_factory=list)
    container: Annotated[PathText | None, option("Image for --sdm apptainer.")] = None
    split: Annotated[
        splits.Options,
        option("Fractions of the videos that are held out; the rest is for training."),
    ] = msgspec.field(default_factory=splits.Options)
    exports: Annotated[
        ExportOptions,
        option("What is written of each selection beside its training file."),
    ] = msgspec.field(default_factory=ExportOptions)
    report: Annotated[ReportOptions, option("The page about a run.")] = msgspec.field(
        default_factory=ReportOptions
    )


def _struct(name: str, fields: Iterable[tuple[str, Any, Any]]) -> Any:
    return msgspec.defstruct(
        name, list(fields), bases=(Section,), kw_only=True, forbid_unknown_fields=True
    )


def _thresholds(name: str, rules: Mapping[str, Rule], *more: tuple[str, Any, Any]) -> Any:
    fields = [(rule.name, rule.kind.Bounds | None, None) for rule in rules.values()]
    return _struct(name, [*fields, *more])


def _made(kind: Any) -> Any:
    """The default of a field: an instance of its class."""
    return msgspec.field(default_factory=kind)


def _selections() -> dict[str, Any]:
    return {"default": copy.deepcopy(DEFAULT_SELECTION)}


def kinds_of(catalogue: Catalogue) -> list[str]:
    """The kinds of work, each with its own interpreter."""
    return list(dict.fromkeys(stage.kind for stage in catalogue.stages.values()))


#: (stage, name) pairs of possible engines from other packages.
Guests = tuple[tuple[str, str], ...]


def guest_engines(catalogue: Catalogue, config: Mapping[str, Any]) -> Guests:
    """Possible engines of other packages: names that a configuration selects or has options for."""
    found = []
    for stage in catalogue.cached_stages:
        section = config.get(stage.name)
        if not stage.engines or not isinstance(section, Mapping):
            continue
        assert stage.options is not None
        own = {*stage.engines, *stage.options.__struct_fields__}
        named = {str(section.get("engine")), *map(str, section)} - own - {"None"}
        found += [(stage.name, name) for name in sorted(named)]
    return tuple(found)


def _section_class(stage: Stage, gate: Any, guests: Guests) -> Any:
    """A stage's section, extended by what its class cannot know: gate rules and engines."""
    fields: list[tuple[str, Any, Any]] = []
    if stage.gated:
        fields.append(("gate", Literal["auto", "none"] | gate, "auto"))
    if isinstance(stage, CachedStage) and stage.engines:
        assert stage.options is not None
        named = {engine for owner, engine in guests if owner == stage.name}
        # Discovering engines of other packages takes time.
        names = engine_names(stage) if named else tuple(stage.engines)
        default = next(one.default for one in options_of(stage.options) if one.name == "engine")
        fields.append(("engine", Literal[names], default))
        for name in (name for name in names if name in named):
            options = engine_of(stage, name).options
            if options is not None:
                fields.append((name, options, _made(options)))
    if not fields:
        return stage.options
    return msgspec.defstruct(
        f"section_{stage.name}",
        fields,
        bases=(stage.options,),  # type: ignore[arg-type]
        kw_only=True,
        forbid_unknown_fields=True,
    )


@cache
def configuration_class(catalogue: Catalogue, guests: Guests = ()) -> Any:
    """The class of the whole configuration."""
    tracks = _struct("Tracks", [(n, TrackInput, _made(TrackInput)) for n in catalogue.tracks])
    unscored = ("on_unscored", Literal["drop", "keep", "fail"], "drop")
    unknown = ("on_unknown", Literal["drop", "keep"], "drop")
    top = ("top", Top | None, None)
    chosen = [
        (
            name,
            _thresholds(f"{name}_selection", catalogue.track_rules(name), unscored, unknown, top)
            | None,
            None,
        )
        for name in catalogue.tracks
    ]
    selection = _struct("Selection", chosen)
    gate = _thresholds("Gate", catalogue.rules, unknown)
    sections = {
        stage.name: _section_class(stage, gate, guests)
        for stage in catalogue.stages.values()
        if stage.options is not None
    }
    environments = _struct(
        "Environments", [(k, PathText | None, None) for k in kinds_of(catalogue)]
    )
    resources = _struct(
        "ResourcesOfStages",
        [
            (stage.name, Resources, _made(partial(copy.copy, stage.resources)))
            for stage in catalogue.stages.values()
        ],
    )
    cached: Any = Literal[tuple(stage.name for stage in catalogue.cached_stages)]
    return msgspec.defstruct(
        "Configuration",
        [
            ("retry_failed", bool | cached | list[cached], False),
            ("tracks", tracks, _made(tracks)),
            *((name, section, _made(section)) for name, section in sections.items()),
            (
                "selections",
                dict[str, selection | None],  # type: ignore[valid-type]
                msgspec.field(default_factory=_selections),
            ),
            ("environments", environments, _made(environments)),
            ("resources", resources, _made(resources)),
        ],
        bases=(General,),
        kw_only=True,
        forbid_unknown_fields=True,
    )


def defaults(catalogue: Catalogue, guests: Guests = ()) -> dict[str, Any]:
    """A configuration with every default, as it would be in YAML."""
    values: dict[str, Any] = msgspec.to_builtins(configuration_class(catalogue, guests)())
    return values


def is_allowed(config: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Whether a configuration has the keys and types of its class."""
    try:
        msgspec.convert(
            config, configuration_class(catalogue, guest_engines(catalogue, config)), strict=True
        )
    except msgspec.ValidationError:
        return False
    return True


def json_schema(catalogue: Catalogue, config: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a configuration.

    It includes the engines of other packages if `config` names one.
    """
    kind = configuration_class(catalogue, guest_engines(catalogue, config))
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    top = components.pop("Configuration")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the LiveCC data workflow",
        **{key: top[key] for key in ("type", "properties", "required", "additionalProperties")},
        "$defs": components,
    }
