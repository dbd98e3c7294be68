"""What went in, what came out, what was dropped and why, from the files of a finished run."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.files import read_json, read_rows
from livecc.merge_samples import read_offsets
from livecc.terminal import count, printable

#: Unusable lines that are shown one by one; the rest is counted.
SHOWN_PROBLEMS = 8
_WIDTH = 100
_RULE_TEXT = {
    "clip": "clip could not be made",
    "words_per_second": "speaks too fast or too slowly",
    "language": "other language",
    "lm_loss": "language-model loss outside the band",
    "talking_head": "talking head",
    "active_speaker": "speaker on the screen",
    "prompt": "no prompt fits",
}


def summarize(results: Path, layout: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of all tracks.

    `layout` maps each track to the stages that make its clips and those that score them, in order,
    and to its selections with their merged files.
    """
    return {
        track: _track_summary(
            results / track, parts["clip_stages"], parts["stages"], parts["selections"]
        )
        for track, parts in layout.items()
    }


def _track_summary(
    folder: Path,
    clip_stages: Sequence[str],
    score_stages: Sequence[str],
    selections: Mapping[str, str],
) -> dict[str, Any]:
    shards = (folder / "shards.txt").read_text(encoding="utf-8").splitlines()
    by_stage = {
        stage: [read_json(folder / "stats" / stage / f"{shard}.json") for shard in shards]
        for stage in (*clip_stages, *score_stages)
    }
    clips = by_stage[clip_stages[-1]]
    counted = [stage for stage in ("transcribe", *score_stages) if stage in by_stage]
    return {
        "shards": len(shards),
        "input": _total(clips),
        "categories": _total(by_stage.get("filter_categories", [])),
        "problems": _problems(folder, shards, clips),
        "stages": {stage: _stage_summary(by_stage[stage]) for stage in counted},
        "selections": {
            name: _selection_summary(folder / name, shards, Path(merged))
            for name, merged in selections.items()
        },
    }


def _total(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of all numbers; mappings are summed key by key."""
    total: dict[str, Any] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, Mapping):
                total[key] = _total([total.get(key, {}), value])
            elif isinstance(value, int | float) and not isinstance(value, bool):
                total[key] = total.get(key, 0) + value
    return total


def _problems(
    folder: Path, shards: Iterable[str], stats: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The first unusable input lines, with their reasons."""
    problems: list[dict[str, Any]] = []
    for shard, counts in zip(shards, stats, strict=True):
        if counts["failed_videos"] and len(problems) < SHOWN_PROBLEMS:
            rows = read_rows(folder / "videos" / f"{shard}.parquet", _PROBLEM_COLUMNS)
            problems += [{"shard": shard, **row} for row in rows if row["status"] == "failed"]
    return problems[:SHOWN_PROBLEMS]


_PROBLEM_COLUMNS = ["line", "video", "status", "reason"]


def _stage_summary(stats: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    stats = list(stats)
    devices = sorted({row["details"]["device"] for row in stats if "device" in row["details"]})
    return {**_total(stats), "devices": devices}


def _selection_summary(folder: Path, shards: Iterable[str], merged: Path) -> dict[str, Any]:
    total = _total(read_json(folder / "counts" / f"{shard}.json") for shard in shards)
    return {
        **total,
        "file": str(merged),
        "bytes": merged.stat().st_size,
        "samples": len(read_offsets(merged)),
    }


# --- the terminal ------------------------------------------------------------------------------


def render(summary: Mapping[str, Any]) -> str:
    """The summary as text of at most 100 columns."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=_WIDTH, color_system=None, markup=False, highlight=False
    )
    for track, parts in summary.items():
        _render_input(console, track, parts)
        _render_stages(console, parts["stages"])
        for name, selection in parts["selections"].items():
            _render_selection(console, name, selection)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _render_input(console: Any, track: str, parts: Mapping[str, Any]) -> None:
    counts = parts["input"]
    console.rule(f"{track}: input", align="left")
    dropped = counts.get("dropped_videos", 0)
    console.print(
        f"{count(parts['shards'], 'shard')}, {count(counts['lines'], 'line')}: "
        f"{count(counts['videos'], 'video')}, "
        + (f"{dropped} of other categories, " if dropped else "")
        + f"{counts['failed_videos']} that cannot be used"
    )
    if parts["categories"]:
        _render_categories(console, parts["categories"])
    for problem in parts["problems"]:
        video = f" ({printable(problem['video'])})" if problem["video"] else ""
        console.print(f"  {problem['shard']}, line {problem['line']}{video}: {problem['reason']}")
    if counts["failed_videos"] > len(parts["problems"]):
        console.print("  ... all of them are in the tables videos/*.parquet, status failed")
    if counts.get("caption_lines"):
        skipped = ", ".join(f"{reason} {n}" for reason, n in counts.get("skipped", {}).items())
        skipped = f" ({skipped})" if skipped else ""
        console.print(
            f"{count(counts['caption_lines'], 'caption line')}, "
            f"{counts['skipped_lines']} skipped{skipped}; {count(counts['words'], 'word')}"
        )
    elif counts.get("words"):
        removed = counts.get("dropped_words", 0)
        console.print(count(counts["words"], "word") + (f", {removed} removed" if removed else ""))
    console.print(
        f"{count(counts['clips'], 'clip')}, {_hours(counts['seconds'])}; "
        f"too short for a clip: {count(counts['short_spans'], 'span')}"
    )


def _render_categories(console: Any, counts: Mapping[str, Any]) -> None:
    kept = counts.get("kept_categories", {})
    names = sorted(counts["categories"], key=lambda name: -counts["categories"][name])
    told = [
        f"{printable(name)} {kept.get(name, 0)} of {counts['categories'][name]}" for name in names
    ]
    if told:
        console.print("categories: " + ", ".join(told))
    for wanted, there in _misspelt(counts.get("missing_categories", {}), names):
        console.print(f"no line has the wanted category {wanted!r}; there is {there!r}")


def _misspelt(missing: Iterable[str], there: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(category that is wanted and nowhere, one like it). Small data sets do not have them all."""
    for name in missing:
        if name not in there:
            yield from ((name, like) for like in difflib.get_close_matches(name, there, n=1))


def _render_stages(console: Any, stages: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not stages:
        return
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("scores")
    names = ("items", "from cache", "scored now", "same content", "failed")
    for name in (*names, "loading", "scoring", "on"):
        table.add_column(name, justify="right")
    for stage, total in stages.items():
        seconds = total.get("seconds", {})
        table.add_row(
            Text(stage),
            *(str(total.get(name, 0)) for name in ("items", "found", "scored", "shared", "failed")),
            *(f"{seconds.get(name, 0):.1f} s" for name in ("load", "score")),
            ", ".join(total["devices"]) or "-",
        )
    console.print()
    console.print(table)


def _render_selection(console: Any, name: str, selection: Mapping[str, Any]) -> None:
    console.print()
    console.rule(f"selection {name}", align="left")
    clips, kept = selection["clips"], selection["kept"]
    console.print(f"{clips:>8} clips        {_hours(selection['seconds'])}")
    left = clips
    for rule, dropped in _in_order(selection["dropped"]):
        left -= dropped
        unscored = selection["unscored"].get(rule, 0)
        why = f"{_RULE_TEXT[rule]} {dropped - unscored}" + (
            f", not scored {unscored}" if unscored else ""
        )
        console.print(f"{-dropped:>8} {rule:<18} {why}; {left} left")
    twice = kept - selection["samples"]
    if twice:
        left -= twice
        console.print(
            f"{-twice:>8} {'duplicates':<18} in more than one shard, used once; {left} left"
        )
    console.print(
        f"{selection['samples']:>8} samples      {_hours(selection['kept_seconds'])}, "
        f"{count(selection['kept_videos'], 'video')}, {count(selection['kept_words'], 'word')}"
    )
    console.print(f"         {selection['file']} ({_size(selection['bytes'])})", soft_wrap=True)


def _in_order(dropped: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    order = list(_RULE_TEXT)
    yield from sorted(dropped.items(), key=lambda item: order.index(item[0]))


def _hours(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} minutes"
    return f"{seconds / 3600:,.1f} hours"


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
