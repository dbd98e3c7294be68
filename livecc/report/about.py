"""How a run was made: stages, models, settings, files, and the commands to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from livecc.files.atomic import read_json
from livecc.report.run import ReportedRun, ReportedTrack
from livecc.software import code_version

_SHOWN_TEXT = 400


def about(
    run: ReportedRun, summary: Mapping[str, Any], configfiles: Sequence[str] = ()
) -> dict[str, Any]:
    """What the last section of the page says; `summary` is that of the run, or empty."""
    manifests = {
        (track.name, name): found
        for track in run.tracks
        for name in track.selections
        if (found := _manifest(run, track, name)) is not None
    }
    return {
        "mode": run.mode,
        "code": code_version(),
        "stages": [
            _stage(track.name, name, told)
            for track in run.tracks
            for name, told in summary.get(track.name, {}).get("stages", {}).items()
        ],
        "models": _models(manifests.values()),
        "changed": [(name, _value(value)) for name, value in run.changed.items()],
        "files": [
            {
                "track": track,
                "selection": selection,
                "name": name,
                "sha256": told["sha256"],
                "bytes": told["bytes"],
                **manifest["counts"],
            }
            for (track, selection), manifest in manifests.items()
            for name, told in manifest["files"].items()
        ],
        "commands": _commands(configfiles),
    }


def _manifest(run: ReportedRun, track: ReportedTrack, selection: str) -> dict[str, Any] | None:
    path = Path(run.layout.manifest(track.name, selection))
    if not path.is_file():
        return None
    found: dict[str, Any] = read_json(path)
    return found


def _stage(track: str, name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    seconds = told.get("seconds", {})
    scoring = seconds.get("score", 0.0)
    scored = told.get("scored", 0)
    items = told.get("items", 0)
    return {
        "track": track,
        "name": name,
        "items": items,
        "found": told.get("found", 0),
        "cached": told.get("found", 0) / items if items else None,
        "scored": scored,
        "shared": told.get("shared", 0),
        "failed": told.get("failed", 0),
        "load": seconds.get("load", 0.0),
        "score": scoring,
        "speed": scored / scoring if scored and scoring else None,
        "devices": told.get("devices", []),
        "notes": told.get("notes", []),
    }


def _models(manifests: Any) -> list[dict[str, Any]]:
    """The models of all training files, each with its uses."""
    found: dict[str, dict[str, Any]] = {}
    for manifest in manifests:
        for use, model in manifest["models"].items():
            key = f"{model['name']} {model.get('digest', '')}"
            one = found.setdefault(key, {**model, "uses": []})
            if use not in one["uses"]:
                one["uses"].append(use)
    return [
        {
            **model,
            "source": _source(model.get("source")),
            "licence": _value(model.get("licence") or "not known"),
        }
        for model in found.values()
    ]


def _source(source: Any) -> str:
    if isinstance(source, Mapping):
        return " ".join(f"{name} {value}" for name, value in source.items())[:_SHOWN_TEXT]
    return str(source or "")[:_SHOWN_TEXT]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value[:_SHOWN_TEXT]
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.strip().removesuffix("\n...")[:_SHOWN_TEXT]


def _commands(configfiles: Sequence[str]) -> list[str]:
    names = list(configfiles) or ["my.yaml"]
    files = " ".join(["--configfile", *map(shlex.quote, names)])
    return [
        f"snakemake --workflow-profile profiles/local {files} --cores all",
        f"livecc report {files}",
        f"livecc browse {files}",
    ]
