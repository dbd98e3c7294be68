"""Terminal report on a score cache: its content, and how much of the last runs came from it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from livecc.errors import LiveccError
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout
from livecc.scores.folders import CacheFolder, cache_folders
from livecc.scores.keys import known_keys
from livecc.terminal import count, new_console, plain_table

_WIDTH = 120
_COUNTED = ("items", "found", "scored", "shared", "failed")


@dataclass(frozen=True)
class FolderReport:
    """Facts about the scores of one fingerprint."""

    folder: CacheFolder
    items: int
    failed: int
    segments: int
    bytes: int
    last_begun: float
    settings: Mapping[str, Any]


def report(root: Path) -> list[FolderReport]:
    """A report for each fingerprint of a cache.

    Raises LiveccError when `root` is not a score cache.
    """
    reports = []
    for folder in cache_folders(root):
        keys = known_keys(root, folder.stage, folder.fingerprint)
        reports.append(
            FolderReport(
                folder=folder,
                items=len(keys),
                failed=len(keys.failed),
                segments=len(folder.segments()),
                bytes=folder.size(),
                last_begun=folder.last_begun(),
                settings=folder.settings(),
            )
        )
    return reports


def hit_rates(results: Path) -> dict[tuple[str, str], dict[str, int]]:
    """(track, stage) -> items, found, scored, shared, failed, summed over each shard's last job.

    Raises LiveccError when `results` has no stats of a run.
    """
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for path in sorted(results.glob(Layout(".").shard("*", "*").stats("*"))):
        stats = read_json(path)
        if not isinstance(stats, dict) or "found" not in stats:
            # Clip stages have no cache.
            continue
        if stats.get("fingerprint", "") is None:
            # Neither have external scores. (Stats of earlier versions lack the fingerprint.)
            continue
        total = counts[stats["track"], stats["stage"]]
        for name in _COUNTED:
            # Stats of earlier versions may lack one.
            total[name] += stats.get(name, 0)
    if not counts:
        raise LiveccError(
            f"{results}: contains no stats of score stages; give the results folder of a run"
        )
    return dict(counts)


# --- the terminal ------------------------------------------------------------------------------


def console_for(stream: TextIO) -> Any:
    """A console as wide as the terminal; without one, wide enough for the tables."""
    return new_console(stream, width=None if stream.isatty() else _WIDTH)


def print_report(console: Any, root: Path, reports: Sequence[FolderReport]) -> None:
    """The fingerprints of each stage with their settings."""
    from rich.filesize import decimal

    if not reports:
        console.print(f"{root}: no scores yet")
        return
    table = plain_table(
        "stage", "fingerprint", right=("items", "failed", "segments", "size", "latest")
    )
    for one in reports:
        table.add_row(
            one.folder.stage,
            one.folder.fingerprint,
            *(f"{n:,}" for n in (one.items, one.failed, one.segments)),
            decimal(one.bytes),
            day(one.last_begun),
        )
    console.print(table)
    items = sum(one.items for one in reports)
    size = decimal(sum(one.bytes for one in reports))
    console.print(f"\n{root}: {count(items, 'item')}, {size}\n", soft_wrap=True)
    for one in reports:
        words = settings_in_words(one.settings)
        console.print(
            f"{one.folder.stage} {one.folder.fingerprint}: {words or 'settings unknown'}",
            soft_wrap=True,
        )


def print_hit_rates(
    console: Any, results: Path, counts: Mapping[tuple[str, str], Mapping[str, int]]
) -> None:
    """The share of the latest jobs' items that was found in the cache."""
    table = plain_table(
        "track",
        "stage",
        right=("items", "from cache", "scored", "same content", "failed", "hit rate"),
    )
    for (track, stage), total in counts.items():
        rate = f"{100 * total['found'] / total['items']:.1f} %" if total["items"] else "-"
        row = (f"{total[name]:,}" for name in _COUNTED)
        table.add_row(track, stage, *row, rate)
    console.print(f"\nlatest jobs of {results}\n", soft_wrap=True)
    console.print(table)


def settings_in_words(settings: Mapping[str, Any], limit: int = 60) -> str:
    """`name value, ...` of nested settings; long texts are truncated."""
    return ", ".join(f"{name} {_short(value, limit)}" for name, value in _flat(settings, ()))


def _flat(settings: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*path, str(name)))
        elif value is not None:
            yield ".".join((*path, str(name))), value


def _short(value: Any, limit: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def day(seconds: float) -> str:
    """The date of a time in seconds since 1970; 0 means none."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds)) if seconds else "-"
