"""Removing scores that no configuration uses any more."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc import commands
from livecc.cache_folders import SPENDING_FOLDER, CacheFolder, cache_folders
from livecc.cache_report import day, plain_table, settings_in_words
from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.make_prompts.spending import Spending
from livecc.writer_lock import WriterLock

_DAY_SECONDS = 86_400.0
#: Hidden folders of commands that were killed; one that is younger may still be at work.
_LEFT_BEHIND = (".import-*", "*/.removed-*")


@dataclass(frozen=True)
class Removable:
    """Scores that may go."""

    folder: CacheFolder
    segments: int
    bytes: int
    last_begun: float
    settings: Mapping[str, Any]
    #: What a service was paid for them, in the currency of its prices.
    cost: float


@dataclass(frozen=True)
class Used:
    """What configurations use of a cache."""

    #: Stage -> fingerprints.
    fingerprints: Mapping[str, Collection[str]]
    #: Stages of which it cannot be told, because a model is not there that they score with.
    untold: Collection[str] = ()

    def may_go(self, folder: CacheFolder) -> bool:
        used = self.fingerprints.get(folder.stage, ())
        return folder.stage not in self.untold and folder.fingerprint not in used


def used_by(configs: Iterable[Mapping[str, Any]]) -> Used:
    """What configurations use, on machines with a GPU and without: the number format is part of a
    fingerprint, and this machine need not be the one that scores.
    """
    from livecc.planning import fingerprints

    used: dict[str, set[str]] = {}
    untold: set[str] = set()
    for config in configs:
        for device in ("cpu", "cuda"):
            for stage, names in fingerprints({**config, "device": device}).items():
                used.setdefault(stage, set()).update(names)
                if not names or not _has_models(config, stage):
                    untold.add(stage)
    return Used(used, untold)


def _has_models(config: Mapping[str, Any], stage: str) -> bool:
    receipts = [Path(path) for path in commands.receipts(config, stage).values()]
    return all(path.is_file() and read_json(path).get("status") != "missing" for path in receipts)


def removable(
    root: Path, used: Used | None, older_than_days: float | None = None
) -> list[Removable]:
    """The folders of a cache that are not `used` (None asks only for the age) and in which no job
    began for `older_than_days`.

    Raises LiveccError when `root` is no score cache.
    """
    latest = time.time() - (older_than_days or 0.0) * _DAY_SECONDS
    found = []
    for folder in cache_folders(root):
        if used is not None and not used.may_go(folder):
            continue
        begun = folder.last_begun()
        if older_than_days is not None and begun > latest:
            continue
        found.append(
            Removable(
                folder=folder,
                segments=len(folder.segments()),
                bytes=folder.size(),
                last_begun=begun,
                settings=folder.settings(),
                cost=Spending(folder.path / SPENDING_FOLDER, writer="", max_cost=None).spent(),
            )
        )
    return found


def left_behind(root: Path) -> list[Path]:
    """What commands that were killed a day ago or longer left in a cache."""
    before = time.time() - _DAY_SECONDS
    found = [path for pattern in _LEFT_BEHIND for path in root.glob(pattern)]
    return sorted(path for path in found if path.stat().st_mtime < before)


def remove(folders: Collection[CacheFolder], rest: Collection[Path] = ()) -> None:
    """Remove folders of a score cache, each at once, and what was left behind.

    Raises LiveccError, before anything is removed, when a job is at work in one of them or one
    holds what is no score.
    """
    for folder in folders:
        unknown = folder.unknown()
        if unknown:
            raise LiveccError(
                f"{folder.path}: holds {', '.join(unknown[:3])}, which no score cache writes; "
                "nothing was removed"
            )
        if any(WriterLock(path).is_held() for path in folder.locks()):
            raise LiveccError(f"{folder.path}: a job is at work there; nothing was removed")
    for folder in folders:
        # A killed removal must not leave half of the scores.
        hidden = folder.path.with_name(f".removed-{secrets.token_hex(4)}")
        folder.path.rename(hidden)
        shutil.rmtree(hidden)
        if not any(hidden.parent.iterdir()):
            hidden.parent.rmdir()
    for path in rest:
        shutil.rmtree(path)


def print_removable(
    console: Any,
    root: Path,
    found: Sequence[Removable],
    rest: Collection[Path],
    untold: Collection[str],
    *,
    removed: bool,
) -> None:
    """What may go, or went; and the stages of which that cannot be told."""
    from rich.filesize import decimal

    if untold:
        console.print(
            f"{', '.join(sorted(untold))}: all scores stay; it cannot be told which are used while "
            "the receipt of a model is not there (snakemake ... fetch_models makes it)\n",
            soft_wrap=True,
        )
    if not found and not rest:
        console.print(f"{root}: nothing to remove", soft_wrap=True)
        return
    if found:
        table = plain_table("stage", "fingerprint", right=("segments", "size", "latest", "paid"))
        for one in found:
            table.add_row(
                one.folder.stage,
                one.folder.fingerprint,
                f"{one.segments:,}",
                decimal(one.bytes),
                day(one.last_begun),
                f"{one.cost:,.2f}" if one.cost else "-",
            )
        console.print(table)
        console.print()
    for one in found:
        words = settings_in_words(one.settings) or "settings not known"
        console.print(f"{one.folder.stage} {one.folder.fingerprint}: {words}", soft_wrap=True)
    for path in rest:
        console.print(f"{path}: left behind by a command that was killed", soft_wrap=True)
    size = decimal(sum(one.bytes for one in found))
    done = "removed" if removed else "would be removed; add --yes to remove them"
    console.print(f"\n{len(found)} of the cache's folders, {size}: {done}", soft_wrap=True)
