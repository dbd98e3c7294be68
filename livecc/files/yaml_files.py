"""Reading and merging YAML mappings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from livecc.errors import LiveccError

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULTS_FILE = REPOSITORY / "config.yaml"


def read_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file; raises LiveccError when it cannot be read as one."""
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise LiveccError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LiveccError(f"{path}: not valid YAML: {error}") from None
    except RecursionError:
        raise LiveccError(f"{path}: its YAML is nested too deeply") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LiveccError(f"{path}: must contain a mapping, not a {type(value).__name__}")
    return value


def overlay(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Merge `over` into `base` in place, recursively, as Snakemake merges its config files."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            overlay(base[key], value)
        else:
            base[key] = value
