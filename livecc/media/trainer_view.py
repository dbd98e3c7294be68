"""What the LiveCC trainer's decoder, decord, makes of a video file.

The trainer opens each file with decord and takes frames by their times. A file that decord cannot
open, or of which it takes other frames than it says, is worth nothing in training, however well
other programs play it. Measured with decord 0.6 and decord2 3.4, which agree: times are right in
mp4, Matroska, WebM and flv files, and in avi files without B-frames; in transport and program
streams and in asf files decord is off by up to a group of pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livecc.media.container import local_name
from livecc.media.decord_library import import_decord
from livecc.media.frames import (
    NOT_INDEXED,
    VideoError,
    decord_errors,
    decord_problem,
    first_line,
    main_stream,
    opened_video,
)

#: What a person can do about a file that decord reads wrongly.
REMEDY = "write it as mp4 or mkv (ffmpeg -i FILE FILE.mp4)"
#: Containers without an index of which decord takes the right frames.
_READ_RIGHT = frozenset({"flv"})
_READ_RIGHT_WITHOUT_B_FRAMES = frozenset({"avi"})
#: No video is longer than this (a week); other times are no times.
_MOST_SECONDS = 604_800.0
#: The trainer refuses pictures whose sides are further apart.
MAX_RATIO = 200
#: Decoding threads of the trainer's reader.
_THREADS = 2

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True, slots=True)
class TrainerView:
    """`seconds`: the time of the last frame, as the trainer compares it with the end of a clip: the
    end of the frame's display on the trainer's clock. `frames`: their number.
    """

    seconds: float
    frames: int


def trainer_view(path: Path | str) -> TrainerView:
    """What decord says of the file at `path`; its first frame is decoded.

    Raises VideoError with the reason for a file that the trainer cannot use.
    """
    problem = decord_problem(path)
    if problem == NOT_INDEXED:
        problem = _problem_without_index(path)
    if problem:
        raise VideoError(f"the trainer takes wrong frames of it: {problem}; {REMEDY}")
    _, times = _opened(path)
    return TrainerView(float(times[-1]), len(times))


def open_as_trainer(path: Path | str) -> tuple[Any, FloatArray]:
    """(decord's reader of a file, (frames,) times as the trainer compares them: the end of each
    frame's display in seconds, float32).

    Also of files whose frames decord takes wrongly: the trainer does not notice. Raises VideoError
    with the reason when it cannot be opened; nothing but known containers is.
    """
    decord_problem(path)
    return _opened(path)


def import_libraries() -> list[str]:
    """Import what opening a file needs; done first, it does not count towards time limits."""
    import av

    return [library.__name__ for library in (av, import_decord())]


def _opened(path: Path | str) -> tuple[Any, FloatArray]:
    decord = import_decord()

    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader: Any = decord.VideoReader(local_name(path), num_threads=_THREADS)
        if not len(reader):
            raise VideoError("the video has no frames")
        reader.get_frame_timestamp(0)
        times = np.array(reader._frame_pts[:, 1], np.float32)
        height, width, colours = reader[0].shape
        if colours != 3:
            # Opening succeeds for pictures of a few pixels.
            raise VideoError(
                f"the trainer cannot open it: decord reads a picture of {height} x {width} x "
                f"{colours} numbers instead of three colours: the picture is too small"
            )
        reader.get_batch([0])
    except decord_errors() as error:
        raise VideoError(f"the trainer cannot open it: decord says {first_line(error)}") from None
    if max(height, width) > MAX_RATIO * min(height, width):
        raise VideoError(
            f"the picture is {width} x {height}: the trainer refuses sides more than {MAX_RATIO} "
            "times as long as each other"
        )
    if not (np.isfinite(times).all() and np.abs(times).max() < _MOST_SECONDS):
        raise VideoError(f"the trainer gets no times of its frames; {REMEDY}")
    return reader, times


def _problem_without_index(path: Path | str) -> str | None:
    with opened_video(path) as container:
        kind = container.format.name
        if kind in _READ_RIGHT:
            return None
        reordered = main_stream(container).codec_context.has_b_frames
        if kind in _READ_RIGHT_WITHOUT_B_FRAMES and not reordered:
            return None
        return f"{NOT_INDEXED} ({kind}{' with B-frames' if reordered else ''})"
