"""Reading, checking and resolving the configuration.

The configuration is a plain dict, as merged by Snakemake: config.yaml holds every default, and
files given on the command line override single keys.
"""

from livecc.configuration.checks import check, check_writable, complete, load, nearest_folder
from livecc.configuration.resolved import (
    active_rules,
    active_stages,
    active_tracks,
    clip_stages,
    explicit_gates,
    find_shards,
    gate,
    models,
    optional_models,
    selections,
    shards,
    source_shards,
    used_sources,
)
from livecc.files.yaml_files import DEFAULTS_FILE, REPOSITORY, overlay, read_yaml
from livecc.stages.catalogue import catalogue_of

__all__ = [
    "DEFAULTS_FILE",
    "REPOSITORY",
    "active_rules",
    "active_stages",
    "active_tracks",
    "catalogue_of",
    "check",
    "check_writable",
    "clip_stages",
    "complete",
    "explicit_gates",
    "find_shards",
    "gate",
    "load",
    "models",
    "nearest_folder",
    "optional_models",
    "overlay",
    "read_yaml",
    "selections",
    "shards",
    "source_shards",
    "used_sources",
]
