"""Versions of packages and of this code, for provenance."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from livecc import __version__

REPOSITORY = Path(__file__).resolve().parents[1]


@cache
def versions_of(packages: tuple[str, ...]) -> dict[str, str]:
    """Package -> version, of Python, numpy and `packages`, as installed here."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def code_version() -> dict[str, Any]:
    """The version of this code; `commit` and `dirty` (local changes) are None outside git."""
    version: dict[str, Any] = {"version": __version__, "commit": None, "dirty": None}
    # Ignore the repository of a parent folder.
    if _git("rev-parse", "--show-toplevel") == str(REPOSITORY):
        version["commit"] = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--untracked-files=no")
        version["dirty"] = None if changes is None else bool(changes)
    return version


def _git(*arguments: str) -> str | None:
    """The output of git in the folder of this code; None when git fails."""
    try:
        result = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
