"""Which folders and GPUs of the host a container can access.

Snakemake runs each job as `apptainer exec IMAGE ...` and binds only the working directory.
Environment variables add more (Apptainer user guide, "bind paths" and "GPU support"); jobs on
other machines set their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from livecc import configuration
from livecc.files.paths import expanded
from livecc.sources.scan import paths_of
from livecc.stages.external_scores.declaration import external_scores

#: Environment -> its Python in the image of container/livecc.def; all others use the one on PATH.
_PYTHONS = {"whisperx": "/opt/livecc-whisperx/bin/python"}
#: Exists where the NVIDIA driver is loaded.
NVIDIA_DEVICE = Path("/dev/nvidiactl")


def python_of(environment: str) -> str:
    """The Python of an environment inside the image."""
    return _PYTHONS.get(environment, "python")


def folders_of(config: Mapping[str, Any]) -> list[str]:
    """The paths that a run's jobs read and write."""
    shown = [str(configuration.REPOSITORY), config["results"], config["models_folder"]]
    shown += [config["score_cache"]] if config["score_cache"] else []
    shown += [os.environ["LIVECC_MODELS"]] if os.environ.get("LIVECC_MODELS") else []
    for track in configuration.active_tracks(config):
        shown.append(config["tracks"][track]["videos"])
        shown += [str(Path(file).parent) for file in configuration.shards(config, track).values()]
    shown += [str(expanded(path).parent) for path in config["exclude"]]
    for source in configuration.used_sources(config):
        for part in config["sources"][source]["from"]:
            places = [*part["paths"], *part.get("metadata", ())]
            shown += [str(path if path.is_dir() else path.parent) for path in paths_of(places)]
    shown += [str(score.path.parent) for score in external_scores(config).values()]
    models = configuration.models(config).values()
    return [*shown, *(model for model in models if Path(model).is_dir())]


def container_environment(
    folders: Iterable[Path | str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Variables that expose `folders` and any GPUs to containers.

    Existing binds in `environment` are kept.
    """
    program = "APPTAINER" if shutil.which("apptainer") else "SINGULARITY"
    bind = f"{program}_BIND"
    bound = [environment[bind]] if environment.get(bind) else []
    bound += [str(folder) for folder in visible_folders(folders)]
    variables = {bind: ",".join(bound)}
    if NVIDIA_DEVICE.exists():
        variables[f"{program}_NV"] = "1"
    return variables


def visible_folders(paths: Iterable[Path | str]) -> list[Path]:
    """Existing folders that together contain `paths`, none nested in another.

    A path that does not exist yet is represented by its nearest existing parent. A path that
    resolves elsewhere through a symbolic link is included under both names.
    """
    found: set[Path] = set()
    for path in paths:
        place = expanded(path).absolute()
        while not place.is_dir():
            place = place.parent
        found |= {place, place.resolve()}
    return sorted(folder for folder in found if not any(other in folder.parents for other in found))
