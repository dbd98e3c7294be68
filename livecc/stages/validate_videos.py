"""Check the video files of input lines before a run, as the trainer will open them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from livecc.media.pool import Failure, work_ahead
from livecc.media.trainer_view import import_libraries, trainer_view
from livecc.trainer.window import LEAD_SECONDS

WORKERS = 2
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WantedVideo:
    """A video file that the input line with this number needs.

    `last_word`: when its last word ends, in seconds; None if that is not known.
    """

    line: int
    path: Path
    last_word: float | None


def video_problems(wanted: Iterable[WantedVideo]) -> Iterator[tuple[int, str]]:
    """(line, problem) of each file that is missing, that the trainer cannot open, or that is
    shorter than what is said in it; in the order given.

    Files are opened in worker processes, because a broken one may end its process.
    """
    views = work_ahead(
        trainer_view,
        ((video, video.path) for video in wanted),
        workers=WORKERS,
        timeout_seconds=TIMEOUT_SECONDS,
        ahead=2 * WORKERS,
        warm_up=import_libraries,
    )
    with closing(views):
        for video, view in views:
            if isinstance(view, Failure):
                yield video.line, f"{video.path}: {view.reason}"
            elif video.last_word is not None and video.last_word + LEAD_SECONDS > view.seconds:
                yield (
                    video.line,
                    f"{video.path}: the last word ends at {video.last_word:.2f} s, the video at "
                    f"{view.seconds:.2f} s: clips that reach beyond it are dropped",
                )
