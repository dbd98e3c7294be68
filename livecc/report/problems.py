"""What went wrong or was left out in a run: lines, captions, items, clips near their file's end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.declaration import CLIP_END
from livecc.files.parquet import read_table
from livecc.report.clips import TrackClips
from livecc.report.run import ReportedRun, ReportedTrack
from livecc.trainer.window import SLACK_SECONDS

#: Reasons that are told apart, and of these those that are shown.
_MOST_REASONS = 5_000
_SHOWN_REASONS = 12
_SHOWN_TEXT = 300
#: A last word so near to the end of its file is worth a look.
_NEAR_END_SECONDS = 1.0
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass
class Reason:
    """A reason, its numbers left out, with how often it was given and one example of it."""

    text: str
    count: int
    item: str
    log: str = ""


class _Reasons:
    """Counts reasons that differ in more than their numbers."""

    def __init__(self) -> None:
        self._found: dict[str, Reason] = {}

    def add(self, reason: str | None, item: str, log: str = "") -> None:
        reason = (reason or "no reason given")[:_SHOWN_TEXT]
        key = _NUMBERS.sub("0", reason)
        if key in self._found:
            self._found[key].count += 1
        elif len(self._found) < _MOST_REASONS:
            self._found[key] = Reason(reason, 1, item[:_SHOWN_TEXT], log)

    def shown(self) -> list[Reason]:
        ordered = sorted(self._found.values(), key=lambda one: (-one.count, one.text))
        return ordered[:_SHOWN_REASONS]


def problems(run: ReportedRun, clips: TrackClips, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The problems of a track; `summary` is its part of the summary, or empty."""
    track = clips.track
    told = summary.get("input", {})
    return {
        "unused": _unused(run, track).shown(),
        "failed": [
            {"stage": stage.name, "reasons": reasons}
            for stage in track.stages
            if (reasons := _failed(run, track, stage).shown())
        ],
        "cleaned": sorted(told.get("cleaned", {}).items(), key=lambda one: -one[1]),
        "skipped": sorted(told.get("skipped", {}).items(), key=lambda one: -one[1]),
        "near_end": _near_end(clips),
        "missing_shards": clips.missing,
    }


def _unused(run: ReportedRun, track: ReportedTrack) -> _Reasons:
    """The input lines that are not used."""
    reasons = _Reasons()
    for shard in run.shards(track):
        path = Path(run.layout.shard(track.name, shard).videos)
        if not path.is_file():
            continue
        for row in _not_ok(path, ["line", "video", "status", "reason"]):
            video = f" ({row['video']})" if row["video"] else ""
            text = (
                row["reason"] if row["status"] == "failed" else f"{row['status']}: other category"
            )
            reasons.add(text, f"{shard}, line {row['line']}{video}")
    return reasons


def _failed(run: ReportedRun, track: ReportedTrack, stage: Any) -> _Reasons:
    reasons = _Reasons()
    for shard in run.shards(track):
        path = Path(run.layout.shard(track.name, shard).scores(stage.name))
        if path.is_file():
            # The log of the job that says more; in the page relative to the results.
            log = run.layout.log(track.name, stage.name, shard)
            log = str(Path(log).relative_to(run.layout.results))
            for row in _not_ok(path, [stage.item, "status", "reason"]):
                reasons.add(row["reason"], row[stage.item], log)
    return reasons


def _not_ok(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.compute as pc

    table = read_table(path, columns)
    status = pc.fill_null(table["status"], "ok")
    for batch in table.filter(pc.not_equal(status, "ok")).to_batches(1_000):
        yield from batch.to_pylist()


def _near_end(clips: TrackClips) -> dict[str, int] | None:
    """How many clips end close to the end of their file, and how many beyond it."""
    import numpy as np

    values = clips.columns.values
    if "video_seconds" not in values or CLIP_END not in values or not len(clips):
        return None
    end, seconds = (
        values[name].cast("float64").to_numpy(zero_copy_only=False)
        for name in (CLIP_END, "video_seconds")
    )
    left = seconds - (end - SLACK_SECONDS)
    return {
        "beyond": int(np.sum(left < 0)),
        "near": int(np.sum((left >= 0) & (left < _NEAR_END_SECONDS))),
    }
