"""The manifest of a released file: what it holds, and everything that made it what it is.

`{merged file}.manifest.json` lies beside the file. It has no times, no paths of the machine and no
names of shards: the same input, configuration, models and software give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.cache_folders import CacheFolder
from livecc.config import clip_stages, selections
from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.merge_samples import Merged, read_offsets
from livecc.score_cache import software_of
from livecc.software import code_version, versions_of
from livecc.versions import VERSIONS

FORMAT = "livecc release 1"
SUFFIX = ".manifest.json"


def release_configuration(
    config: Mapping[str, Any], track: str, stages: Sequence[str], selection: str
) -> dict[str, Any]:
    """What of a configuration made a file, besides the settings that the score cache knows.

    `stages` are those that score. An `auto` gate is told as that: what it lets through depends on
    other selections, but never this selection's file.
    """
    options = {name: dict(config.get(name, {})) for name in clip_stages(config, track)}
    # Its settings are in the score cache.
    options.pop("transcribe", None)
    return {
        "mode": config["mode"],
        "thresholds": selections(config, track)[selection],
        "gates": {name: config[name]["gate"] for name in stages if "gate" in config[name]},
        "clips": options,
    }


def manifest(
    *,
    track: str,
    selection: str,
    name: str,
    merged: Merged,
    configuration: Mapping[str, Any],
    receipts: Mapping[str, Path],
    stats: Path,
    stages: Sequence[str],
    shards: Iterable[str],
    cache: Path,
) -> dict[str, Any]:
    """The manifest of the merged file called `name`.

    `receipts` maps uses of models to their receipts. `stats` is the folder of what jobs wrote about
    themselves: under which fingerprints the `stages` with a score cache found their scores.
    """
    shards = list(shards)
    return {
        "format": FORMAT,
        "track": track,
        "selection": selection,
        "files": {name: {"bytes": merged.bytes, "sha256": merged.sha256}},
        "counts": {
            "samples": merged.samples,
            "videos": merged.videos,
            "hours": round(merged.seconds / 3600, 6),
            "words": merged.words,
        },
        "configuration": configuration,
        "models": {use: _model(read_json(path)) for use, path in sorted(receipts.items())},
        "scores": {stage: _scores(stage, stats / stage, shards, cache) for stage in stages},
        "code": {**code_version(), "stages": _stage_versions(stages, configuration)},
        "software": versions_of("merge_samples"),
    }


def _model(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Name, source and digest of a model, without folders of this machine."""
    if receipt.get("status") == "missing":
        return {"name": receipt["model"], "status": "missing"}
    source = receipt["source"]
    local = "path" in source
    return {
        "name": Path(receipt["folder"]).name if local else receipt["model"],
        "source": "a folder" if local else source,
        "licence": receipt["licence"],
        "digest": receipt["digest"],
    }


def _scores(stage: str, stats: Path, shards: Iterable[str], cache: Path) -> list[dict[str, Any]]:
    """Settings and software of a stage's scores; more than one when devices of jobs differed."""
    names = {
        read_json(path).get("fingerprint")
        for shard in shards
        if (path := stats / f"{shard}.json").is_file()
    }
    folders = [CacheFolder(stage, name, cache / stage / name) for name in sorted(names - {None})]
    return [
        {
            "fingerprint": folder.fingerprint,
            "settings": folder.settings() or None,
            "software": software_of(folder.path),
        }
        for folder in folders
    ]


def _stage_versions(stages: Sequence[str], configuration: Mapping[str, Any]) -> dict[str, str]:
    names = (*configuration["clips"], *stages, "select_samples")
    return {name: VERSIONS[name] for name in names}


# --- checking ----------------------------------------------------------------------------------


def verify(path: Path) -> list[str]:
    """What is wrong with the files of a manifest; empty when they are what it says.

    Raises LiveccError when `path` is no manifest.
    """
    released = read_json(path)
    if not isinstance(released, dict) or released.get("format") != FORMAT:
        raise LiveccError(f"{path}: no manifest of a released file")
    problems = []
    for name, expected in released["files"].items():
        file = path.with_name(name)
        if not file.is_file():
            problems.append(f"{file}: is missing")
        elif file.stat().st_size != expected["bytes"]:
            problems.append(f"{file}: has {file.stat().st_size:,} bytes, not {expected['bytes']:,}")
        elif _sha256(file) != expected["sha256"]:
            problems.append(f"{file}: has another sha256 than its manifest says")
        elif len(read_offsets(file)) != released["counts"]["samples"]:
            problems.append(f"{file}: has another number of samples than its manifest says")
    return problems


def manifests(places: Iterable[Path]) -> list[Path]:
    """The manifests named, those of the files named, and those below the folders named.

    Raises LiveccError for a place without any.
    """
    found = []
    for place in places:
        if place.is_dir():
            below = sorted(place.rglob(f"*{SUFFIX}"))
            if not below:
                raise LiveccError(f"{place}: no file in it is called *{SUFFIX}")
            found += below
            continue
        beside = place.with_name(place.name + SUFFIX)
        if place.suffix != ".json" and not beside.exists():
            raise LiveccError(f"{place}: there is no manifest {beside.name} beside it")
        found.append(beside if beside.exists() else place)
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
