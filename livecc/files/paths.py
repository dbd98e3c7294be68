"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def expanded(path: Path | str) -> Path:
    """`path` with a leading ~ or ~user replaced by that home folder; as it is if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        # No such user. Whoever uses the path says that nothing is there.
        return Path(path)


def paths_expanded(value: Any) -> Any:
    """A value of a command line: paths, alone or in a list, `expanded`, all else as it is.

    A shell leaves ~ as it is in --videos=~/videos.
    """
    if isinstance(value, list):
        return [paths_expanded(one) for one in value]
    return expanded(value) if isinstance(value, Path) else value
