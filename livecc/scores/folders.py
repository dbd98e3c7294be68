"""The folders of a score cache, without reading scores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from livecc.errors import LiveccError
from livecc.files.json_values import is_deep
from livecc.scores.cache import LOCKS_FOLDER, SETTINGS_FILE
from livecc.scores.segments import begun, segments

STAGE_NAME = re.compile(r"[a-z][a-z0-9_]*")
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
#: What a stage that pays for its answers stores next to them (`spending.py` in its room).
SPENDING_FOLDER = "spending"


@dataclass(frozen=True, order=True)
class CacheFolder:
    """The scores of one stage with one fingerprint."""

    stage: str
    fingerprint: str
    path: Path

    def segments(self) -> list[Path]:
        return segments(self.path)

    def locks(self) -> list[Path]:
        return sorted((self.path / LOCKS_FOLDER).glob("*"))

    def size(self) -> int:
        """Total size in bytes."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

    def last_begun(self) -> float:
        """Start of the latest job that scored something, in seconds since 1970; 0 if none."""
        return max(map(begun, self.segments()), default=0.0)

    def settings(self) -> dict[str, object]:
        """The settings behind the fingerprint; empty if not recorded."""
        try:
            settings = orjson.loads((self.path / SETTINGS_FILE).read_bytes())["settings"]
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            return {}
        return settings if isinstance(settings, dict) and not is_deep(settings) else {}

    def unknown(self) -> list[str]:
        """Names of entries that do not belong to a score cache."""
        known = {SETTINGS_FILE, SPENDING_FOLDER, LOCKS_FOLDER}
        return sorted(
            entry.name
            for entry in self.path.iterdir()
            if entry.name not in known and not entry.name.endswith((".jsonl", ".tmp"))
        )


def cache_folders(root: Path) -> list[CacheFolder]:
    """The folders of a score cache, by stage and fingerprint.

    Raises LiveccError when `root` is not a score cache, so that other files are never mistaken for
    scores or removed.
    """
    if not root.is_dir():
        raise LiveccError(f"{root}: no such folder; give the score cache of a results folder")
    folders = []
    for stage in _visible(root):
        if not (STAGE_NAME.fullmatch(stage.name) and stage.is_dir()):
            raise _no_cache(root, stage)
        for path in _visible(stage):
            if not (FINGERPRINT.fullmatch(path.name) and path.is_dir()):
                raise _no_cache(root, path)
            folders.append(CacheFolder(stage.name, path.name, path))
    return folders


def _visible(folder: Path) -> Iterator[Path]:
    """Hidden entries are in use by a command or left over from a killed one."""
    return (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def _no_cache(root: Path, found: Path) -> LiveccError:
    hint = ""
    if (root / "cache").is_dir():
        hint = f"; did you mean {root / 'cache'}?"
    return LiveccError(
        f"{root}: not a score cache, because it contains {found.relative_to(root)}; the folders "
        f"of a score cache are named STAGE/FINGERPRINT (16 hexadecimal digits){hint}"
    )
