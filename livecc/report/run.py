"""The run that a page is about: its tracks, stages, selections and settings.

It comes from a configuration, and is stored with the page (`Layout.report_settings`), so that the
page can be made again from a folder of results alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout
from livecc.formats.shard_list import read_shard_list
from livecc.formats.video_paths import VideoFolder
from livecc.stages.catalogue import Catalogue, catalogue_for

#: What the values of such settings are is nobody's business.
_SECRET = ("key", "token", "secret", "password")


@dataclass(frozen=True)
class ReportedTrack:
    """A track of the run.

    `clip_stages`: the names of those that make its clips. `stages` score them, in order. `gates`:
    the explicit ones, as for `livecc.scores.columns.read_columns`.
    """

    name: str
    clip_stages: tuple[str, ...]
    stages: tuple[TableStage, ...]
    selections: Mapping[str, Mapping[str, Any]]
    gates: Mapping[str, Mapping[str, Any]]
    videos: VideoFolder


@dataclass(frozen=True)
class ReportedRun:
    """`changed`: the settings that differ from the defaults, by their path ("lm_loss.gate")."""

    layout: Layout
    mode: str
    catalogue: Catalogue
    tracks: tuple[ReportedTrack, ...]
    changed: Mapping[str, Any]

    def shards(self, track: ReportedTrack) -> list[str]:
        """The names of a track's shards. Raises LiveccError if nothing has run yet."""
        return read_shard_list(self.layout, track.name)


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a page needs of a checked configuration, as JSON: the argument of `run_of`."""
    return {**deciding_settings(config), "changed": dict(changed_settings(config))}


def deciding_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of `settings_of`, what decides which clips a page has and what it says of them."""
    return {
        "mode": config["mode"],
        "external": {
            name: {"key": one["key"], "kind": one.get("kind", "band"), "tracks": one.get("tracks")}
            for name, one in config.get("external_scores", {}).items()
        },
        "tracks": {
            track: {
                "clip_stages": [stage.name for stage in configuration.clip_stages(config, track)],
                "stages": [stage.name for stage in configuration.active_stages(config, track)],
                "selections": configuration.selections(config, track),
                "gates": configuration.explicit_gates(config, track),
                "videos": config["tracks"][track]["videos"],
                "videos_outside": config["tracks"][track]["videos_outside"],
            }
            for track in configuration.active_tracks(config)
        },
    }


def changed_settings(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(path, value) of each setting that differs from its default; secrets are not told."""
    default = configuration.complete(configuration.read_yaml(configuration.DEFAULTS_FILE))
    yield from _changed(config, default, ())


def _changed(given: Any, default: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping) and isinstance(default, Mapping):
        for name, value in given.items():
            yield from _changed(value, default.get(name), (*path, str(name)))
    elif isinstance(given, Mapping) and given:
        for name, value in given.items():
            yield from _changed(value, None, (*path, str(name)))
    elif given != default:
        secret = any(word in part.lower() for part in path for word in _SECRET)
        hidden = secret or (isinstance(given, str) and "://" in given and "@" in given)
        yield ".".join(path), "(not shown)" if hidden else given


def run_of(layout: Layout, settings: Mapping[str, Any]) -> ReportedRun:
    """The run with these results and the settings of `settings_of`."""
    tracks: Mapping[str, Any] = settings["tracks"]
    names = [name for told in tracks.values() for name in told["stages"]]
    catalogue = catalogue_for(settings["external"], *names, tracks=tuple(tracks))
    return ReportedRun(
        layout=layout,
        mode=settings["mode"],
        catalogue=catalogue,
        tracks=tuple(
            ReportedTrack(
                name=name,
                clip_stages=tuple(told["clip_stages"]),
                stages=tuple(catalogue.score_stage(stage) for stage in told["stages"]),
                selections=told["selections"],
                gates=told["gates"],
                videos=VideoFolder(Path(told["videos"]), told["videos_outside"]),
            )
            for name, told in tracks.items()
        ),
        changed=settings["changed"],
    )


def recorded_run(results: Path) -> ReportedRun:
    """The run of a folder of results, from the settings that its page was made with.

    Raises LiveccError if there are none.
    """
    layout = Layout(str(results))
    path = Path(layout.report_settings)
    try:
        settings = read_json(path)
    except OSError:
        raise LiveccError(
            f"{path}: no such file: no page was made here yet; give the configuration of the run "
            "(--configfile my.yaml)"
        ) from None
    try:
        return run_of(layout, settings)
    except (KeyError, TypeError, AttributeError):
        raise LiveccError(
            f"{path}: does not hold the settings of a run; give its configuration "
            "(--configfile my.yaml)"
        ) from None
