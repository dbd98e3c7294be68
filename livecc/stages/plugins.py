"""What other installed packages add: stages, engines and tracks.

Another installed package adds a stage by an entry point of the group `livecc.stages` (its name is
the stage's, its object a `ScoreStage`), an engine by one of the group `livecc.engines` (its name is
STAGE.ENGINE, its object an `Engine`), and a track by one of the group `livecc.tracks` (its object a
`Track`). A stage takes part when the configuration has its section, an engine when a section
chooses it, a track when `tracks` names it, so that an installed package alone changes nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from livecc.declaration import CachedStage, Engine, ScoreStage, Stage
from livecc.errors import LiveccError
from livecc.stages.tracks import RELEASE_STAGES, SOURCE_STAGES, TRACKS, Track
from livecc.terminal import nearest

STAGES_GROUP, ENGINES_GROUP, TRACKS_GROUP = "livecc.stages", "livecc.engines", "livecc.tracks"


def own_names() -> set[str]:
    own: list[Stage] = [*SOURCE_STAGES, *RELEASE_STAGES]
    for track in TRACKS:
        own += [*track.all_clip_stages(), *track.score_stages]
    return {stage.name for stage in own}


@cache
def _entry_points(group: str) -> Any:
    """The `EntryPoints` of a group; cached, because scanning installed packages is slow."""
    # Imported here so that only users of plugins pay for it.
    from importlib import metadata

    return metadata.entry_points(group=group)


@cache
def package_stages() -> tuple[str, ...]:
    """The names of plugin stages, sorted."""
    return tuple(sorted({point.name for point in _entry_points(STAGES_GROUP)}))


@cache
def stage_of_package(name: str) -> ScoreStage:
    """A plugin stage. Raises LiveccError when it cannot be loaded or is invalid."""
    stage: ScoreStage = _load(STAGES_GROUP, name, ScoreStage)
    if name in own_names():
        raise LiveccError(f"entry point {name!r} of {STAGES_GROUP}: the name is already in use")
    if not stage.joins:
        raise LiveccError(f"stage {name}: `joins` is empty, so that it runs in no track")
    known = [*(track.name for track in TRACKS), *package_tracks()]
    for join in stage.joins:
        if join.track not in known:
            near = nearest(join.track, known)
            raise LiveccError(f"stage {name}: joins {join.track!r}, which is not a track{near}")
    return stage


@cache
def package_tracks() -> tuple[str, ...]:
    """The names of other packages' tracks, sorted."""
    return tuple(sorted({point.name for point in _entry_points(TRACKS_GROUP)}))


@cache
def track_of_package(name: str) -> Track:
    """Another package's track. Raises LiveccError when it cannot be loaded or is not a Track."""
    track: Track = _load(TRACKS_GROUP, name, Track)
    known = _own_clip_stages()
    for stage in track.all_clip_stages():
        if stage not in known:
            raise LiveccError(
                f"track {name}: {stage.name} is not a clip stage of the workflow; there is "
                f"{', '.join(one.name for one in known)}"
            )
    return track


def _own_clip_stages() -> list[Stage]:
    return list(dict.fromkeys(stage for track in TRACKS for stage in track.all_clip_stages()))


@cache
def package_engines(stage: str) -> tuple[str, ...]:
    """The names of plugin engines of a stage, sorted."""
    names = (point.name.partition(".") for point in _entry_points(ENGINES_GROUP))
    return tuple(sorted({engine for owner, _, engine in names if owner == stage and engine}))


def engine_of(stage: CachedStage, name: str) -> Engine:
    """An engine of a stage, built-in or from a plugin.

    Raises LiveccError when it is unknown or cannot be loaded.
    """
    if name in stage.engines:
        return stage.engines[name]
    if name not in package_engines(stage.name):
        known = engine_names(stage)
        raise LiveccError(
            f"{stage.name}: there is no engine {name!r}{nearest(name, known)}; "
            f"there is {', '.join(known)}"
        )
    engine: Engine = _load(ENGINES_GROUP, f"{stage.name}.{name}", Engine)
    if not engine.version:
        raise LiveccError(
            f"entry point {stage.name}.{name} of {ENGINES_GROUP}: its Engine has no `version`, "
            "which must be raised when its numbers change"
        )
    return engine


def engine_names(stage: CachedStage) -> tuple[str, ...]:
    """The engines that a stage can use, plugins last."""
    return (*stage.engines, *package_engines(stage.name))


def packages_of(stage: CachedStage, engine: str | None = None) -> tuple[str, ...]:
    """Packages whose versions may affect a stage's numbers, including plugins."""
    points: list[Any] = []
    if stage.name not in own_names():
        points += _entry_points(STAGES_GROUP).select(name=stage.name)
    if engine is not None and engine not in stage.engines:
        points += _entry_points(ENGINES_GROUP).select(name=f"{stage.name}.{engine}")
    names = [point.dist.name for point in points if point.dist is not None]
    return tuple(dict.fromkeys((*stage.packages, *names)))


@cache
def _load(group: str, name: str, kind: type[Any]) -> Any:
    """The object of an entry point, which is of `kind` and has its name, if it has one."""
    (point, *others) = _entry_points(group).select(name=name)
    place = f"entry point {name!r} of {group}"
    if others:
        packages = [str(one.dist.name if one.dist else one.value) for one in (point, *others)]
        raise LiveccError(f"{place}: defined by several packages: {packages}")
    try:
        found = point.load()
    except Exception as error:  # another package's code may raise anything
        what = str(error) if isinstance(error, LiveccError) else repr(error)
        package = f", package {point.dist.name}" if point.dist is not None else ""
        raise LiveccError(f"{place} ({point.value}{package}): cannot be loaded: {what}") from error
    if not isinstance(found, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise LiveccError(
            f"{place}: must be {article} {kind.__name__}, not a {type(found).__name__}"
        )
    own = getattr(found, "name", name)
    if own != name:
        raise LiveccError(f"{place}: its own name is {own!r}")
    return found
