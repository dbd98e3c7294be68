"""What the inside of a container sees of the machine: its folders and its GPUs.

Snakemake runs each job as `apptainer exec IMAGE ...` and shows it the working directory only.
Apptainer takes more from environment variables (its user guide, "bind paths" and "GPU support"),
which jobs on other machines set for themselves.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from livecc import config as configuration

#: WhisperX's Python in the image of container/livecc.def; that of all other work is on the path.
WHISPERX_PYTHON = "/opt/livecc-whisperx/bin/python"
#: There where the NVIDIA driver is loaded.
NVIDIA_DEVICE = Path("/dev/nvidiactl")


def folders_of(config: Mapping[str, Any]) -> list[str]:
    """The places that a run's jobs read and write."""
    shown = [str(configuration.REPOSITORY), config["results"], config["models_folder"]]
    shown += [config["score_cache"]] if config["score_cache"] else []
    shown += [os.environ["LIVECC_MODELS"]] if os.environ.get("LIVECC_MODELS") else []
    for track in configuration.active_tracks(config):
        shown.append(config["tracks"][track]["videos"])
        shown += [str(Path(file).parent) for file in configuration.shards(config, track).values()]
    models = configuration.models(config).values()
    return [*shown, *(model for model in models if Path(model).is_dir())]


def container_environment(
    folders: Iterable[Path | str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Variables that show `folders`, and the GPUs where there are any, to containers.

    What `environment` binds already is kept.
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
    """Existing folders that together hold `paths`, none inside another.

    For a path that does not exist yet it is the nearest folder above that does. A path that leads
    elsewhere by a symbolic link is there under both names.
    """
    found: set[Path] = set()
    for path in paths:
        place = Path(path).expanduser().absolute()
        while not place.is_dir():
            place = place.parent
        found |= {place, place.resolve()}
    return sorted(folder for folder in found if not any(other in folder.parents for other in found))
