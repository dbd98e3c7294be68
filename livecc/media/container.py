"""Opening a media file with FFmpeg: which files are opened, and what is said of the others.

A file is opened only if it is complete and its content is one of the known containers. A text that
merely points to other files (a playlist, a list of files to join) is none, whatever its name:
FFmpeg would follow it into files that nobody named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.media.truncation import cut_reason

#: The containers that are read, by FFmpeg's names of their demuxers (one name of each).
CONTAINERS = (
    *("mov", "matroska", "webm", "avi", "flv", "mpegts", "mpeg", "asf", "ogg", "mxf", "nut", "rm"),
    *("wav", "w64", "aiff", "caf", "au", "mp3", "flac", "aac", "ac3", "eac3", "amr", "ape", "wv"),
)
_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
# What FFmpeg answers for a container that is not in the list.
_REFUSED = 22


def check_file(path: Path | str, error: type[LiveccError], what: str) -> None:
    """Raise `error` with the reason when a file is missing, no file, empty, or truncated.

    `what`: the kind of file that was expected, for the message ("a video file").
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise error(f"is a folder, not {what}")
        # Opening a pipe would block.
        if path.exists() and not path.is_file():
            raise error(f"is a pipe or a device, not {what}")
        if path.stat().st_size == 0:
            raise error("the file is empty")
        reason = cut_reason(path)
    except FileNotFoundError:
        raise error("no such file") from None
    except OSError as problem:
        raise error(f"cannot be read ({problem.strerror})") from None
    if reason:
        raise error(reason)


@contextmanager
def opened(path: Path | str, error: type[LiveccError], problem: str) -> Iterator[Any]:
    """An open `av.container.InputContainer`.

    Errors of FFmpeg, also inside the `with` block, become an `error` that begins with `problem`.
    """
    import av

    try:
        container = av.open(local_name(path), options=dict(_OPTIONS))
    except av.FFmpegError as cause:
        if cause.errno == _REFUSED:
            raise error(
                f"{problem} (its content is not one of the containers that are read, such as mp4, "
                "mkv, webm, avi and ts; lists of other files are not followed)"
            ) from None
        raise error(f"{problem} ({cause.strerror})") from None
    try:
        with container:
            yield container
    except av.FFmpegError as cause:
        raise error(f"{problem} ({cause.strerror})") from None


def local_name(path: Path | str) -> str:
    """An absolute path, because FFmpeg interprets `name:rest.mp4` as a network protocol."""
    return str(Path(path).absolute())


def main_picture(container: Any) -> Any:
    """The video stream that a player shows (and decord reads); None if the file has no picture.

    A cover picture is none.
    """
    from av.stream import Disposition

    stream = container.streams.best("video")
    if stream is None or stream.disposition & Disposition.attached_pic:
        return None
    return stream


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """The frames of a stream, in order. A damaged packet costs its own frames only."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        # Decoders report damage as many kinds of errors; "operation not permitted" is one of them.
        except av.FFmpegError:
            continue
