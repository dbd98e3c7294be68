"""Declarations that leave something out or contradict themselves fail, and say how."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any

import pytest

from livecc.declaration import (
    COLUMN_TYPES,
    ByMode,
    CachedStage,
    DeclarationError,
    Engine,
    GatedOptions,
    Resources,
    ScoreStage,
    Stage,
    StageOptions,
    TableStage,
    no_models,
    no_problems,
)
from livecc.errors import LiveccError
from livecc.sections import Text, option
from livecc.stages.external_scores.declaration import external_stage
from livecc.stages.tracks import RELEASE_STAGES, SOURCE_STAGES, TRACKS
from livecc.thresholds.kinds import Band, Labels, Language, Rule


class Options(GatedOptions):
    engine: Annotated[Text, option("What scores.", "number")] = "quick"


class NoEngine(GatedOptions):
    """A stage with a single way."""


class AlwaysOn(StageOptions):
    engine: Annotated[Text, option("What scores.", "number")] = "quick"


QUICK = Engine("my_package.quick:Quick", on_gpu="no")
#: Every field of every kind of stage.
COMPLETE: dict[str, Any] = {
    "name": "score_it",
    "version": "1",
    "says": "Scoring it",
    "kind": "lm",
    "options": Options,
    "packages": ("numpy",),
    "resources": Resources(gpu=0, mem_mb=1000, runtime=10, threads=1),
    "problems": no_problems,
    "engines": {"quick": QUICK},
    "on_gpu": None,
    "needs": frozenset({"clips"}),
    "item": "clip",
    "roles": ("",),
    "models": no_models,
    "prepare": "my_package.shard:prepare",
    "columns": {"it": "float64", "tongue": "string", "sure": "float64"},
    "speeds": (),
    "rules": (Rule("it", Band, ("it",), "not it"),),
    "joins": (),
}
#: Plans without it are less exact, and nothing else depends on it.
HINTS = {"speeds"}
KINDS: tuple[type[Stage], ...] = (Stage, CachedStage, TableStage, ScoreStage)


def complete(kind: type[Stage], changed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The fields of a whole declaration."""
    return {one.name: COMPLETE[one.name] for one in fields(kind)} | dict(changed or {})


def declared(kind: type[Stage], changed: Mapping[str, Any]) -> Stage:
    return kind(**complete(kind, changed))


@pytest.mark.parametrize("kind", KINDS)
def test_whole_declarations_are_taken(kind: type[Stage]) -> None:
    stage = declared(kind, {})
    assert all(getattr(stage, name) == value for name, value in complete(kind).items())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, one.name)
        for kind in KINDS
        for one in fields(kind)
        if one.name not in HINTS
    ],
)
def test_a_field_left_out_is_named(kind: type[Stage], name: str) -> None:
    values = complete(kind)
    del values[name]
    with pytest.raises(DeclarationError) as raised:
        kind(**values)
    message = str(raised.value)
    assert f"`{name}` is missing from its declaration" in message
    # Which stage it is, unless that is what is missing, and where the field is explained.
    assert message.startswith("a stage:" if name == "name" else "stage score_it:")
    explained = f"livecc.declaration.{kind.__name__}"
    assert explained in message
    own = next(base for base in kind.__mro__ if name in inspect.get_annotations(base))
    assert f"\n    {name}: " in str(own.__doc__)


def test_every_field_must_be_given() -> None:
    """None has a default that a declaration could rely on without knowing."""
    for kind in KINDS:
        for one in (one for one in fields(kind) if one.name not in HINTS):
            assert repr(one.default) == "MISSING", (kind, one.name)


def test_a_version_by_mode() -> None:
    plain = declared(Stage, {"version": "3"})
    assert (plain.version_in("default"), plain.version_in("paper")) == ("3", "3")
    assert not plain.depends_on_mode
    by_mode = declared(Stage, {"version": ByMode(default="3", paper="1")})
    assert (by_mode.version_in("default"), by_mode.version_in("paper")) == ("3", "1")
    assert by_mode.depends_on_mode


BAND = ("it",)
CONTRADICTIONS: list[tuple[type[Stage], dict[str, Any], str]] = [
    (
        Stage,
        {"name": "Score-It"},
        "`name` must be lower-case letters, digits and _, not 'Score-It'",
    ),
    (Stage, {"name": 3}, "`name` must be lower-case letters, digits and _, not 3"),
    (
        Stage,
        {"version": ByMode("2", "")},
        "`version` must be a non-empty ByMode(...) of two strings, "
        "not ByMode(default='2', paper='')",
    ),
    (Stage, {"kind": "l m"}, "`kind` must be lower-case letters, digits and _, not 'l m'"),
    (Stage, {"kind": None}, "`kind` must be lower-case letters, digits and _, not None"),
    (Stage, {"version": 1}, "`version` must be a non-empty string, not 1"),
    (Stage, {"version": ""}, "`version` must be a non-empty string, not ''"),
    (Stage, {"says": " "}, "`says` must be a non-empty string, not ' '"),
    (Stage, {"options": dict}, "`options` must be a subclass of StageOptions, or None"),
    (Stage, {"options": Options()}, "`options` must be a subclass of StageOptions, or None"),
    (Stage, {"packages": "numpy"}, "`packages` must be a tuple of names, not 'numpy'"),
    (Stage, {"packages": (1,)}, "`packages` must be a tuple of names, not (1,)"),
    (Stage, {"resources": {"gpu": 0}}, "`resources` must be Resources(...), not {'gpu': 0}"),
    (Stage, {"problems": ()}, "`problems` must be a function of the configuration, not ()"),
    (
        CachedStage,
        {"options": None},
        "`options` is None; a stage with a score cache needs a section",
    ),
    (
        CachedStage,
        {"engines": {}, "on_gpu": "no"},
        "`engines` and the option `engine` must be given together",
    ),
    (
        CachedStage,
        {"options": NoEngine},
        "`engines` and the option `engine` must be given together",
    ),
    (
        CachedStage,
        {"engines": {"slow": QUICK}},
        "the default engine of `options`, 'quick', is not in `engines`",
    ),
    (
        CachedStage,
        {"on_gpu": "yes"},
        "`on_gpu` must be None, because each of its `engines` declares",
    ),
    (
        CachedStage,
        {"engines": {}, "options": NoEngine},
        "`on_gpu` must be one of yes, asked, no, not None",
    ),
    (
        CachedStage,
        {"engines": {}, "options": NoEngine, "on_gpu": "maybe"},
        "`on_gpu` must be one of yes, asked, no, not 'maybe'",
    ),
    (
        CachedStage,
        {"needs": frozenset({"clips", "weather"})},
        "`needs` contains 'weather'; allowed are lines, records, transcripts, clips, videos, mode",
    ),
    (CachedStage, {"item": "word"}, "`item` must be clip or video, not 'word'"),
    (CachedStage, {"roles": ""}, "`roles` must be a tuple of strings, not ''"),
    (CachedStage, {"models": {}}, "`models` must be a function of the section, not {}"),
    (CachedStage, {"prepare": print}, '`prepare` must read "module:function", not'),
    (CachedStage, {"prepare": "my_package.shard"}, '`prepare` must read "module:function", not'),
    (TableStage, {"item": "word"}, "`item` must be clip or video, not 'word'"),
    (
        TableStage,
        {"columns": {"it": "float32"}},
        "column it has type 'float32'; allowed are string, int32, int64, float64, bool",
    ),
    *(
        (
            TableStage,
            {"columns": {"it": "float64", name: "string"}},
            f"`columns` contains {name!r}, which every score table has",
        )
        for name in ("status", "reason", "clip", "video")
    ),
    (TableStage, {"rules": ()}, "`rules` is empty: no threshold could use its scores"),
    (
        TableStage,
        {"rules": (Rule("it", Band, ("that",), "not it"),)},
        "rule it uses 'that', which is not in `columns`",
    ),
    (
        TableStage,
        {"rules": (Rule("tongue", Language, ("tongue",), "another"),)},
        "rule tongue must name 2 columns (Language)",
    ),
    (
        TableStage,
        {"rules": (Rule("it", Labels, ("it",), "not it"),)},
        "rule it (Labels) cannot use it, which is float64 and not string",
    ),
    (
        TableStage,
        {"rules": (Rule("it", Band, ("tongue",), "not it"),)},
        "rule it (Band) cannot use tongue, which is string and not float64 or int32 or int64",
    ),
    (TableStage, {"rules": (Rule("it", Band, BAND, " "),)}, "rule it: `says` is empty"),
    (
        ScoreStage,
        {"options": AlwaysOn},
        "`options` has no `enabled`: score stages can be disabled",
    ),
]


@pytest.mark.parametrize(("kind", "changed", "says"), CONTRADICTIONS)
def test_contradictions_are_said(kind: type[Stage], changed: dict[str, Any], says: str) -> None:
    """In every kind of stage that has the fields."""
    for one in (one for one in KINDS if issubclass(one, kind)):
        with pytest.raises(DeclarationError) as raised:
            declared(one, changed)
        assert says in str(raised.value), one
        stage = changed.get("name", "score_it")
        assert str(raised.value).startswith(f"stage {stage}: ")


@pytest.mark.parametrize("column_type", COLUMN_TYPES)
def test_a_table_has_the_columns_that_are_declared(column_type: str) -> None:
    columns = {"it": "float64", "more": column_type}
    stage = declared(TableStage, {"columns": columns, "item": "video"})
    assert isinstance(stage, TableStage)
    assert stage.schema.names == ["video", "status", "reason", "it", "more"]
    assert stage.rule_columns == {"it": "float64"}


# --- engines -------------------------------------------------------------------------------------


def required(one: Field[Any]) -> bool:
    return one.default is MISSING or repr(one.default) == "MISSING"


ENGINE: Mapping[str, Any] = {"place": "my_package.quick:Quick", "on_gpu": "no"}


def test_only_what_few_engines_have_may_be_left_out() -> None:
    assert [one.name for one in fields(Engine) if required(one)] == list(ENGINE)


@pytest.mark.parametrize("name", ENGINE)
def test_a_field_that_an_engine_leaves_out_is_named(name: str) -> None:
    values = {key: value for key, value in ENGINE.items() if key != name}
    with pytest.raises(DeclarationError, match=f"`{name}` is missing"):
        Engine(**values)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"place": "my_package.quick"}, "engine 'my_package.quick': `place` must read"),
        ({"place": "my_package/quick.py:Quick"}, '`place` must read "module:Class"'),
        ({"place": QUICK}, '`place` must read "module:Class"'),
        (
            {"on_gpu": True},
            "engine my_package.quick:Quick: `on_gpu` must be one of yes, asked, no, not True",
        ),
        ({"on_gpu": None}, "`on_gpu` must be one of yes, asked, no, not None"),
    ],
)
def test_contradictions_of_an_engine_are_said(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        Engine(**{**ENGINE, **changed})
    assert says in str(raised.value)


def test_an_engine_that_is_not_there_is_one_message() -> None:
    with pytest.raises(LiveccError, match=r"^my_package\.quick:Quick: cannot be imported"):
        QUICK.load()
    with pytest.raises(LiveccError, match=r"^livecc\.errors:Nothing: cannot be imported"):
        Engine("livecc.errors:Nothing", on_gpu="no").load()


# --- the project's own ---------------------------------------------------------------------------


def own_stages() -> dict[str, Stage]:
    stages: list[Stage] = [*SOURCE_STAGES, *RELEASE_STAGES]
    for track in TRACKS:
        stages += [*track.all_clip_stages(), *track.score_stages]
    return {stage.name: stage for stage in stages}


@pytest.mark.parametrize("name", own_stages())
def test_what_a_declaration_names_is_there(name: str) -> None:
    """The functions and classes that only a job imports; their libraries need not be there."""
    stage = own_stages()[name]
    if isinstance(stage, CachedStage):
        from livecc.declaration import imported

        assert callable(imported(stage.prepare))
        for engine in stage.engines.values():
            assert callable(engine.load().load)


def test_external_scores_are_a_whole_declaration() -> None:
    stage = external_stage("beauty", {"key": "video", "kind": "band"})
    assert stage.item == "video"
