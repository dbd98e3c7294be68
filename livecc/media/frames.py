"""Sampled frames of a video file, as arrays.

`read_frames` opens a file with decord; when decord cannot open or decode it, PyAV (a newer FFmpeg)
tries before the file is given up. Everything that can be wrong with a video is a `VideoError` of
one sentence: no such file, not a video, no video stream, truncated, no frames, a frame that cannot
be decoded. Frames are turned upright as the file's display matrix says.

A file that its container shows to be cut short is refused even when its beginning could be
decoded: frames sampled from a part are not the frames of the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from livecc.errors import LiveccError
from livecc.media.resize import Resize, resize_frames
from livecc.media.truncation import cut_reason

if TYPE_CHECKING:
    import numpy as np

# Containers that say where each frame lies and when it is shown, by their names in FFmpeg. In all
# others (avi, transport and program streams) decord numbers frames wrongly after a seek, so that
# PyAV counts them from the beginning.
INDEXED_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})


class VideoError(LiveccError):
    """A video file cannot be used; the message is the reason to record for it."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames sampled from one video.

    `pixels`: uint8 RGB [count, height, width, 3], upright. `indices`: int64 [count], the number of
    each frame in presentation order. `n_frames`: how many frames the whole video has.
    """

    pixels: np.ndarray
    indices: np.ndarray
    n_frames: int


class Video(Protocol):
    """An open video: `n_frames` frames in presentation order, `fps` a second on average."""

    n_frames: int
    fps: float

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The frames at `indices`, uint8 RGB [len(indices), height, width, 3], upright."""
        ...


def sample_indices(n_frames: int, count: int) -> np.ndarray:
    """`count` evenly spaced frame numbers from the first to the last, int64 [count].

    round(linspace(0, n_frames - 1, count)), halves to even as numpy rounds. A video with fewer
    frames than `count` has some of them repeated.
    """
    import numpy as np

    return np.round(np.linspace(0, n_frames - 1, count)).astype(np.int64)


def read_frames(
    path: Path | str, count: int, resize: Resize | None = None, threads: int = 0
) -> Frames:
    """`count` evenly sampled frames of the video at `path`.

    `threads` is the number of decoding threads, 0 lets the decoder choose. Raises VideoError with
    the reason when the file cannot be used.
    """
    video = open_video(path, threads)
    indices = sample_indices(video.n_frames, count)
    return Frames(resize_frames(video.read(indices), resize), indices, video.n_frames)


def open_video(path: Path | str, threads: int = 0) -> Video:
    """Open the video at `path` for reading any of its frames.

    Raises VideoError with the reason when the file cannot be used.
    """
    if _check_file(path):
        with suppress(VideoError):
            return DecordVideo(path, threads)
    return AvVideo(path, threads)


def _check_file(path: Path | str) -> bool:
    """Whether decord can be trusted with the file; raises VideoError when it is no whole file.

    Looking with PyAV first costs milliseconds, and gives reasons where decord gives C++ messages.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise VideoError("is a folder, not a video file")
        if path.exists() and not path.is_file():
            raise VideoError("is a pipe or a device, not a video file")
        if path.stat().st_size == 0:
            raise VideoError("the file is empty")
        reason = cut_reason(path)
    except FileNotFoundError:
        raise VideoError("no such file") from None
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from None
    if reason:
        raise VideoError(reason)
    with _opened(path) as container:
        _main_stream(container)
        return container.format.name in INDEXED_FORMATS


def _local(path: Path | str) -> str:
    """An absolute path, because FFmpeg takes `name:rest.mp4` for a network protocol."""
    return str(Path(path).absolute())


class DecordVideo:
    """A video opened by decord. Raises VideoError when decord cannot open it.

    Frames that decord cannot decode (some turned pictures, damaged streams) are left to PyAV.
    """

    def __init__(self, path: Path | str, threads: int = 0) -> None:
        import decord

        # Decoder messages go to stderr by the hundred; what matters comes back as an exception.
        decord.logging.set_level(decord.logging.QUIET)
        self._errors = (RuntimeError, decord.DECORDError)
        self._path = path
        self._threads = threads
        try:
            self._reader: Any = decord.VideoReader(_local(path), num_threads=threads)
            self.n_frames = len(self._reader)
            self.fps = float(self._reader.get_avg_fps())
        except self._errors as error:
            raise VideoError(f"decord cannot open it ({_first_line(error)})") from None
        if self.n_frames == 0:
            raise VideoError("the video has no frames")

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        try:
            frames: np.ndarray = self._reader.get_batch([int(k) for k in indices]).asnumpy()
        except self._errors:
            return AvVideo(self._path, self._threads).read(indices)
        return frames


class AvVideo:
    """A video opened by PyAV. Raises VideoError when it cannot be opened or decoded.

    The frames are counted by reading all packets, because WebM and transport streams do not state
    their number.
    """

    def __init__(self, path: Path | str, threads: int = 0) -> None:
        self._path = path
        self._threads = threads
        with _opened(path) as container:
            stream = _main_stream(container)
            self.fps = float(stream.average_rate or 0)
            times = [
                packet.pts
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard
            ]
            indexed = container.format.name in INDEXED_FORMATS
        self.n_frames = len(times)
        if not times:
            raise VideoError("the video has no frames")
        known = sorted({time for time in times if time is not None})
        # Without a time for every frame one can only be found by counting from the start.
        self._times = known if indexed and len(known) == len(times) else None

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        import numpy as np

        wanted = sorted({int(k) for k in indices})
        found: dict[int, np.ndarray] = {}
        with suppress(VideoError):
            found = self._seek_each(wanted)
        if len(found) < len(wanted):
            found = self._count_through(wanted)
        missing = [k for k in wanted if k not in found]
        if missing:
            raise VideoError(
                f"frame {missing[0]} of {self.n_frames} cannot be decoded: the file is damaged"
                " or truncated"
            )
        if len({frame.shape for frame in found.values()}) > 1:
            raise VideoError("the picture size changes within the video")
        return np.stack([found[int(k)] for k in indices])

    @contextmanager
    def _decoding(self) -> Iterator[tuple[Any, Any]]:
        with _opened(self._path, "a sampled frame cannot be decoded") as container:
            stream = _main_stream(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            yield container, stream

    def _seek_each(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """The wanted frames, each decoded from the key frame before it."""
        found: dict[int, np.ndarray] = {}
        if self._times is None:
            return found
        with self._decoding() as (container, stream):
            for number in [k for k in wanted if k < self.n_frames]:
                time = self._times[number]
                container.seek(time, stream=stream)
                for frame in container.decode(stream):
                    if frame.pts is not None and frame.pts >= time:
                        if frame.pts == time:
                            found[number] = _upright(frame)
                        break
        return found

    def _count_through(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """The wanted frames, found by decoding everything before them."""
        found = {}
        numbers = set(wanted)
        with self._decoding() as (container, stream):
            for number, frame in enumerate(container.decode(stream)):
                if number in numbers:
                    found[number] = _upright(frame)
                if number >= wanted[-1]:
                    break
        return found


@contextmanager
def _opened(path: Path | str, problem: str = "not a video that can be read") -> Iterator[Any]:
    """An open PyAV container; what FFmpeg raises inside becomes a VideoError with `problem`."""
    import av

    try:
        with av.open(_local(path)) as container:
            yield container
    except av.FFmpegError as error:
        raise VideoError(f"{problem} ({error.strerror})") from None


def _main_stream(container: Any) -> Any:
    """The stream a player would show (and decord reads) when a file has several."""
    stream = container.streams.best("video")
    if stream is None:
        raise VideoError("the file has no video stream")
    return stream


def _upright(frame: Any) -> np.ndarray:
    """RGB pixels of a PyAV frame, turned by the multiple of 90 degrees of its display matrix."""
    import numpy as np

    # PyAV gives the anticlockwise angle that brings the picture upright.
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _first_line(error: BaseException) -> str:
    """The cause in a decord error: its last clause, without the path of the source."""
    lines = str(error).strip().splitlines()
    return lines[0].rsplit("] ", 1)[-1] if lines else type(error).__name__
