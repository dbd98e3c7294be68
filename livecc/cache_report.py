"""What a score cache holds, and how much of the last runs came from it; for the terminal."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from livecc.cache_folders import CacheFolder, cache_folders
from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.score_keys import known_keys

_WIDTH = 120
_COUNTED = ("items", "found", "scored", "shared", "failed")


@dataclass(frozen=True)
class FolderReport:
    """What is known of the scores of one fingerprint."""

    folder: CacheFolder
    items: int
    failed: int
    segments: int
    bytes: int
    last_begun: float
    settings: Mapping[str, Any]


def report(root: Path) -> list[FolderReport]:
    """A report for each fingerprint of a cache.

    Raises LiveccError when `root` is no score cache.
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
    """(track, stage) -> items, found, scored, shared, failed of the last job of each shard.

    Raises LiveccError when `results` holds no stats of a run.
    """
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for path in sorted(results.glob("*/stats/*/*.json")):
        stats = read_json(path)
        if not isinstance(stats, dict) or "found" not in stats:
            # A stage that makes clips has no cache.
            continue
        total = counts[stats["track"], stats["stage"]]
        for name in _COUNTED:
            # Stats of an earlier version may lack one.
            total[name] += stats.get(name, 0)
    if not counts:
        raise LiveccError(
            f"{results}: no stats of score stages in it; give the results folder of a run"
        )
    return dict(counts)


# --- the terminal ------------------------------------------------------------------------------


def console_for(stream: TextIO) -> Any:
    """A console as wide as the terminal, and wide enough for the tables when there is none."""
    from rich.console import Console

    width = None if stream.isatty() else _WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False)


def print_report(console: Any, root: Path, reports: Sequence[FolderReport]) -> None:
    """The fingerprints of each stage, with their settings in words."""
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
    console.print(f"\n{root}: {items:,} items, {size}\n", soft_wrap=True)
    for one in reports:
        words = settings_in_words(one.settings)
        console.print(
            f"{one.folder.stage} {one.folder.fingerprint}: {words or 'settings not known'}",
            soft_wrap=True,
        )


def print_hit_rates(
    console: Any, results: Path, counts: Mapping[tuple[str, str], Mapping[str, int]]
) -> None:
    """How much of what the latest jobs wrote was found in the cache."""
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
    """`name value, ...` of nested settings; long texts are cut."""
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
    """The date of a time in seconds since 1970; 0 is none."""
    return time.strftime("%Y-%m-%d", time.localtime(seconds)) if seconds else "-"


def plain_table(*left: str, right: Sequence[str]) -> Any:
    """A table without lines; the columns of `right` hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
