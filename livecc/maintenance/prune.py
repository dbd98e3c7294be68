"""Removing scores that no configuration uses."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.maintenance.report import day, settings_in_words
from livecc.planning.jobs import receipts as receipts_of
from livecc.scores.folders import SPENDING_FOLDER, CacheFolder, cache_folders
from livecc.scores.writer_lock import WriterLock
from livecc.stages.catalogue import catalogue_of
from livecc.stages.make_prompts.spending import Spending
from livecc.terminal import plain_table

_DAY_SECONDS = 86_400.0
#: Hidden folders of killed commands; young ones may still be in use.
_LEFT_BEHIND = (".import-*", "*/.removed-*")


@dataclass(frozen=True)
class Removable:
    """Scores that can be removed."""

    folder: CacheFolder
    segments: int
    bytes: int
    last_begun: float
    settings: Mapping[str, Any]
    #: Cost of the service's answers, in the currency of its prices.
    cost: float


@dataclass(frozen=True)
class Used:
    """The part of a cache that configurations use."""

    #: Stage -> fingerprints.
    fingerprints: Mapping[str, Collection[str]]
    #: Stages whose fingerprints are unknown because a model is missing.
    untold: Collection[str] = ()

    def may_go(self, folder: CacheFolder) -> bool:
        used = self.fingerprints.get(folder.stage, ())
        return folder.stage not in self.untold and folder.fingerprint not in used


def used_by(configs: Iterable[Mapping[str, Any]]) -> Used:
    """What configurations use, on machines with and without a GPU: the number format is part of
    the fingerprint, and jobs may run on other machines.
    """
    from livecc.planning.work import fingerprints

    used: dict[str, set[str]] = {}
    untold: set[str] = set()
    for config in configs:
        for device in ("cpu", "cuda"):
            for stage, names in fingerprints({**config, "device": device}).items():
                used.setdefault(stage, set()).update(names)
                if not names or not _has_models(config, stage):
                    untold.add(stage)
    return Used(used, untold)


def _has_models(config: Mapping[str, Any], name: str) -> bool:
    stages = catalogue_of(config).cached_stages
    stage = next(stage for stage in stages if stage.name == name)
    receipts = [Path(path) for path in receipts_of(config, stage).values()]
    return all(path.is_file() and read_json(path).get("status") != "missing" for path in receipts)


def removable(
    root: Path, used: Used | None, older_than_days: float | None = None
) -> list[Removable]:
    """The folders of a cache that are not `used` (None: check the age only) and in which no job
    started within `older_than_days`.

    Raises LiveccError when `root` is not a score cache.
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
    """Leftovers in a cache of commands that were killed at least a day ago."""
    before = time.time() - _DAY_SECONDS
    found = [path for pattern in _LEFT_BEHIND for path in root.glob(pattern)]
    return sorted(path for path in found if path.stat().st_mtime < before)


def remove(folders: Collection[CacheFolder], rest: Collection[Path] = ()) -> None:
    """Remove folders of a score cache, each atomically, and the leftovers in `rest`.

    Raises LiveccError, before removing anything, when a job is using one of the folders or one
    contains foreign files.
    """
    for folder in folders:
        unknown = folder.unknown()
        if unknown:
            raise LiveccError(
                f"{folder.path}: contains {', '.join(unknown[:3])}, which are not files of a score "
                "cache; nothing was removed"
            )
        if any(WriterLock(path).is_held() for path in folder.locks()):
            raise LiveccError(f"{folder.path}: in use by a job; nothing was removed")
    for folder in folders:
        # Renamed first: an interrupted removal must not leave part of the scores.
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
    """Print what can be or was removed, and the stages for which this is unknown."""
    from rich.filesize import decimal

    if untold:
        console.print(
            f"{', '.join(sorted(untold))}: all scores are kept, because the receipt of a model is "
            "missing and so it is unknown which are used (run snakemake ... fetch_models)\n",
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
        words = settings_in_words(one.settings) or "settings unknown"
        console.print(f"{one.folder.stage} {one.folder.fingerprint}: {words}", soft_wrap=True)
    for path in rest:
        console.print(f"{path}: left over from a killed command", soft_wrap=True)
    size = decimal(sum(one.bytes for one in found))
    done = "removed" if removed else "would be removed; add --yes to remove them"
    console.print(f"\n{len(found)} cache folders, {size}: {done}", soft_wrap=True)
