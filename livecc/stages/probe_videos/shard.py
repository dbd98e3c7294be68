"""Open the videos of a shard as the trainer does, through the score cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.media.pool import Failure, work_ahead
from livecc.media.trainer_view import TrainerView, import_libraries, trainer_view
from livecc.scores.job import Engine, Item, Row, ScoreJob, failed, ok
from livecc.scores.tables import candidate_videos
from livecc.scores.videos import video_item

if TYPE_CHECKING:
    from livecc.stages.job_spec import JobSpec

#: Decimals of times in seconds.
DECIMALS = 3


def prepare(spec: JobSpec) -> ScoreJob[Path]:
    """The job that writes the table of what the trainer makes of videos with a clip in the gate."""
    assert spec.videos is not None
    videos = spec.videos
    settings = {"version": spec.stage.version}

    def items() -> Iterator[Item[Path]]:
        for video in candidate_videos(spec.files["clips"], spec.scores, spec.gate):
            yield video_item(video, videos)

    def load_engine() -> Engine[Path]:
        def run(missing: Iterator[Item[Path]]) -> Iterator[list[tuple[str, Row]]]:
            seen = work_ahead(
                trainer_view,
                ((item.id, item.payload) for item in missing),
                workers=spec.threads,
                timeout_seconds=spec.options["decode_timeout_seconds"],
                ahead=2 * spec.threads,
                warm_up=import_libraries,
            )
            with closing(seen):
                for video, view in seen:
                    yield [(video, _row(view))]

        return run

    return ScoreJob(spec, settings, items, load_engine)


def _row(view: TrainerView | Failure) -> Row:
    if isinstance(view, Failure):
        return failed(view.reason, transient=view.transient)
    return ok(video_seconds=round(view.seconds, DECIMALS), video_frames=view.frames)
