"""Score the videos of a shard for talking heads, through the score cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.inference.device import resolve_device
from livecc.scores.job import Engine, Item, ScoreJob, engine_version, failed, ok
from livecc.scores.job import Row as TableRow
from livecc.scores.tables import candidate_videos
from livecc.scores.videos import video_item
from livecc.stages.score_talking_head.scorer import Row

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

#: Decimals of a score, so that it does not depend on the composition of a batch.
DECIMALS = 4


def prepare(spec: JobSpec) -> ScoreJob[Path]:
    """The job that writes the table of talking-head scores of videos with a clip in the gate."""
    assert spec.engine is not None
    assert spec.videos is not None
    videos = spec.videos
    name, kind = spec.options["engine"], spec.engine.load()
    _, digest = spec.model() or (None, None)
    device = resolve_device(spec.wanted_device)
    settings = {
        "version": spec.version,
        "engine": name,
        "model": digest,
        "mode": spec.mode,
        "options": kind.settings(spec.options, device),
        **engine_version(spec),
    }
    details = {"device": device, "engine": name}

    def items() -> Iterator[Item[Path]]:
        for video in candidate_videos(spec.files["clips"], spec.scores, spec.gate):
            yield video_item(video, videos)

    def load_engine() -> Engine[Path]:
        scorer = kind.load(spec.setup(device))

        def run(missing: Iterator[Item[Path]]) -> Iterator[list[tuple[str, TableRow]]]:
            for rows in scorer.score((item.id, item.payload) for item in missing):
                yield [(row.key, _row(row)) for row in rows]

        return run

    return ScoreJob(spec, settings, items, load_engine, details)


def _row(row: Row[str]) -> TableRow:
    if row.score is None:
        return failed(row.reason, transient=row.transient, frames=row.frames)
    return ok(talking_head=round(row.score, DECIMALS), frames=row.frames)
