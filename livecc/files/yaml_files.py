"""Reading and merging YAML mappings."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from livecc.errors import LiveccError

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULTS_FILE = REPOSITORY / "config.yaml"


#: As fast as YAML is read; for this project's own files, because it is not safe from deep nesting.
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_MOST_VALUES = 1_000_000


def read_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file; raises LiveccError when it cannot be read as one."""
    place = Path(path)
    if place.parent == REPOSITORY:
        # Read several times by each process.
        return copy.deepcopy(_own(place, place.stat().st_mtime_ns))
    return _read(place, yaml.SafeLoader)


@cache
def _own(path: Path, _changed: int) -> dict[str, Any]:
    return _read(path, _FAST)


def _read(path: Path, loader: Any) -> dict[str, Any]:
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), loader)
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
    refuse_unfolding(value, str(path))
    return value


def refuse_unfolding(value: Any, name: str) -> None:
    """Raise LiveccError if a value read from YAML is far larger than its file; `name` begins it.

    Aliases share what they refer to in memory, but whatever visits each value visits it each time.
    """
    if _unfolded(value, {}) > _MOST_VALUES:
        raise LiveccError(f"{name}: its aliases unfold to more than {_MOST_VALUES:,} values")


def _unfolded(value: Any, known: dict[int, float]) -> float:
    """How many values there are when each alias stands for what it refers to."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        # Until it is known: of what holds itself there is no end.
        known[id(value)] = math.inf
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_unfolded(part, known) for part in parts)
    return known[id(value)]


def overlay(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Merge `over` into `base` in place, recursively, as Snakemake merges its config files."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            overlay(base[key], value)
        else:
            base[key] = value
