"""How long a media file is, as its container tells: nothing is decoded."""

from __future__ import annotations

from pathlib import Path

from livecc.media.container import check_file, opened
from livecc.media.frames import VideoError

#: No video is longer than this (a week); other times are no times.
_MOST_SECONDS = 604_800.0
#: Of a container's length, in a second.
_UNITS = 1_000_000


def file_seconds(path: Path | str) -> float | None:
    """The seconds of a file by its container, or by its longest stream; None if neither tells them.

    Raises VideoError with the reason for a file that is not opened.
    """
    check_file(path, VideoError, "a video file")
    with opened(path, VideoError, "cannot be opened as a media file") as container:
        found = [] if container.duration is None else [container.duration / _UNITS]
        if not found:
            found = [
                float(stream.duration * stream.time_base)
                for stream in container.streams
                if stream.duration is not None and stream.time_base is not None
            ]
    longest = max(found, default=0.0)
    return longest if 0 < longest < _MOST_SECONDS else None


def import_libraries() -> list[str]:
    """Import what opening a file needs; done first, it does not count towards time limits."""
    import av

    return [av.__version__]
