"""The manifest of a released file: its content and provenance.

`{merged file}.manifest.json` is next to the file. It contains no times, local paths or shard names:
the same input, configuration, models and software give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.configuration import active_stages, clip_stages, selections
from livecc.declaration import CachedStage
from livecc.files.atomic import read_json
from livecc.formats.splits import Split
from livecc.models.fetch import not_as_listed
from livecc.scores.folders import CacheFolder
from livecc.scores.segments import software_of
from livecc.selecting.merge_samples import Merged
from livecc.software import code_version, versions_of
from livecc.stages.catalogue import Catalogue
from livecc.stages.tracks import MERGE_SAMPLES, SELECT_SAMPLES

FORMAT = "livecc release 1"


def release_configuration(config: Mapping[str, Any], track: str, selection: str) -> dict[str, Any]:
    """The part of a configuration that determines a file, besides settings in the score cache.

    An `auto` gate is recorded as such: what it lets through depends on other selections, but never
    changes this selection's file.
    """
    # The settings of stages with a score cache are in the cache.
    makers = [s for s in clip_stages(config, track) if not isinstance(s, CachedStage)]
    options = {stage.name: dict(config.get(stage.name, {})) for stage in makers}
    prefix = config["tracks"][track].get("video_prefix")
    split = Split.of(config["split"]).to_json()
    return {
        "mode": config["mode"],
        "thresholds": selections(config, track)[selection],
        "gates": {
            stage.name: config[stage.name]["gate"]
            for stage in active_stages(config, track)
            if stage.gated
        },
        "clips": options,
        **({"video_prefix": prefix} if prefix else {}),
        **({"split": split} if split else {}),
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
    catalogue: Catalogue,
    split: str | None = None,
) -> dict[str, Any]:
    """The manifest of the merged file called `name`; `split`: its split, if it is one of several.

    `receipts` maps uses of models to their receipts. `stats` is the folder of the jobs' stats,
    which name the fingerprints of the `stages` with a score cache.
    """
    shards = list(shards)
    external = [s.name for s in catalogue.external.values() if s.is_of(track)]
    scores = {name: _external(stats / name, shards) for name in external}
    scores |= {stage: _scores(stage, stats / stage, shards, cache) for stage in stages}
    return {
        "format": FORMAT,
        "track": track,
        "selection": selection,
        **({"split": split} if split else {}),
        "files": {name: {"bytes": merged.bytes, "sha256": merged.sha256}},
        "counts": {
            "samples": merged.samples,
            "videos": merged.videos,
            "hours": round(merged.seconds / 3600, 6),
            "words": merged.words,
        },
        "configuration": configuration,
        "models": {use: _model(read_json(path)) for use, path in sorted(receipts.items())},
        "scores": scores,
        "code": {
            **code_version(),
            "stages": _stage_versions([*external, *stages], configuration, catalogue),
        },
        "software": versions_of(MERGE_SAMPLES.packages),
    }


def _model(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Name, source and digest of a model, without local folders.

    `not_as_listed`: the files that are not those of models.yaml, if there are any.
    """
    if receipt.get("status") == "missing":
        return {"name": receipt["model"], "status": "missing"}
    source = receipt["source"]
    local = "path" in source
    unlike = not_as_listed(receipt)
    return {
        "name": Path(receipt["folder"]).name if local else receipt["model"],
        "source": "a folder" if local else source,
        "licence": receipt["licence"],
        "digest": receipt["digest"],
        **({"not_as_listed": unlike} if unlike else {}),
    }


def _scores(stage: str, stats: Path, shards: Iterable[str], cache: Path) -> list[dict[str, Any]]:
    """Settings and software of a stage's scores; several if jobs ran on different devices."""
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


def _external(stats: Path, shards: Iterable[str]) -> list[dict[str, Any]]:
    """What the jobs of an external score recorded about its table, without repeats."""
    told: list[dict[str, Any]] = []
    for shard in shards:
        source = read_json(stats / f"{shard}.json")["details"]["source"]
        told += [] if source in told else [source]
    return sorted(told, key=str)


def _stage_versions(
    stages: Sequence[str], configuration: Mapping[str, Any], catalogue: Catalogue
) -> dict[str, str]:
    names = (*configuration["clips"], *stages, SELECT_SAMPLES.name)
    mode = configuration["mode"]
    return {name: catalogue.stages[name].version_in(mode) for name in names}
