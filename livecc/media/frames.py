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
#: Frames that are no further apart than this are decoded in one go, without a seek between them.
RUN_GAP = 8


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

    def times(self) -> np.ndarray:
        """When each frame appears and when it is gone, float64 [n_frames, 2].

        In seconds on the file's own clock, whose 0 is the beginning a player shows.
        """
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


def open_video(path: Path | str, threads: int = 0, size: tuple[int, int] | None = None) -> Video:
    """Open the video at `path` for reading any of its frames.

    `size` (height, width): frames are made this large by the decoder (FFmpeg's bicubic), which
    costs less than resizing them afterwards; None leaves them as they are. Raises VideoError with
    the reason when the file cannot be used.
    """
    if _check_file(path):
        with suppress(VideoError):
            return DecordVideo(path, threads, size)
    return AvVideo(path, threads, size)


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

    def __init__(
        self, path: Path | str, threads: int = 0, size: tuple[int, int] | None = None
    ) -> None:
        import decord

        # Decoder messages go to stderr by the hundred; what matters comes back as an exception.
        decord.logging.set_level(decord.logging.QUIET)
        self._errors = (RuntimeError, decord.DECORDError)
        self._path = path
        self._threads = threads
        self._size = size
        self._other: AvVideo | None = None
        height, width = size or (-1, -1)  # decord's own size
        try:
            self._reader: Any = decord.VideoReader(
                _local(path), num_threads=threads, width=width, height=height
            )
            self.n_frames = len(self._reader)
            self.fps = float(self._reader.get_avg_fps())
        except self._errors as error:
            raise VideoError(f"decord cannot open it ({_first_line(error)})") from None
        if self.n_frames == 0:
            raise VideoError("the video has no frames")

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        if self._other is None:
            try:
                frames: np.ndarray = self._reader.get_batch([int(k) for k in indices]).asnumpy()
            except self._errors:
                self._other = AvVideo(self._path, self._threads, self._size)
            else:
                return frames
        return self._other.read(indices)

    def times(self) -> np.ndarray:
        import numpy as np

        try:
            times = self._reader.get_frame_timestamp(range(self.n_frames))
        except self._errors as error:
            raise VideoError(f"decord has no times of its frames ({_first_line(error)})") from None
        with _opened(self._path) as container:
            return np.asarray(times, np.float64) - _start(container)


class AvVideo:
    """A video opened by PyAV. Raises VideoError when it cannot be opened or decoded.

    The frames are counted by reading all packets, because WebM and transport streams do not state
    their number.
    """

    def __init__(
        self, path: Path | str, threads: int = 0, size: tuple[int, int] | None = None
    ) -> None:
        self._path = path
        self._threads = threads
        self._size = size
        with _opened(path) as container:
            stream = _main_stream(container)
            self.fps = float(stream.average_rate or 0)
            times = [
                packet.pts
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard
            ]
            indexed = container.format.name in INDEXED_FORMATS
            self._time_base = float(stream.time_base)
            self._start = _start(container)
        self.n_frames = len(times)
        if not times:
            raise VideoError("the video has no frames")
        known = sorted({time for time in times if time is not None})
        # Without a time for every frame one can only be found by counting from the start.
        self._shown = known if len(known) == len(times) else None
        self._times = self._shown if indexed else None
        # Where counting stands, so that what is read in order is decoded once.
        self._counter: Iterator[tuple[int, Any]] = iter(())
        self._next = 0

    def times(self) -> np.ndarray:
        import numpy as np

        step = 1 / (self.fps or 25.0)
        if self._shown is None:
            begin = np.arange(self.n_frames) * step
        else:
            begin = np.array(self._shown) * self._time_base - self._start
        return np.stack([begin, np.append(begin[1:], begin[-1] + step)], axis=1)

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
            for run in _runs([k for k in wanted if k < self.n_frames]):
                numbers = {self._times[k]: k for k in run}
                last = self._times[run[-1]]
                container.seek(self._times[run[0]], stream=stream)
                for frame in container.decode(stream):
                    if frame.pts in numbers:
                        found[numbers[frame.pts]] = self._pixels(frame)
                    if frame.pts is not None and frame.pts >= last:
                        break
        return found

    def _count_through(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """The wanted frames, found by decoding everything before them."""
        found: dict[int, np.ndarray] = {}
        numbers = set(wanted)
        if not self._next or wanted[0] < self._next:
            self._counter = self._counted()
        for number, frame in self._counter:
            self._next = number + 1
            if number in numbers:
                found[number] = self._pixels(frame)
            if number >= wanted[-1]:
                return found
        self._next = 0
        return found

    def _counted(self) -> Iterator[tuple[int, Any]]:
        with self._decoding() as (container, stream):
            yield from enumerate(container.decode(stream))

    def _pixels(self, frame: Any) -> np.ndarray:
        """RGB pixels, of the wanted size, turned upright by the frame's display matrix."""
        import numpy as np

        # PyAV gives the anticlockwise angle that brings the picture upright.
        turns = round(frame.rotation / 90) % 4
        if self._size is not None:
            height, width = self._size if turns % 2 == 0 else self._size[::-1]
            frame = frame.reformat(width, height, "rgb24", interpolation="BICUBIC")
        return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """The sorted frame numbers in runs: within one, decoding on is cheaper than seeking anew."""
    run: list[int] = []
    for number in numbers:
        if run and number - run[-1] > RUN_GAP:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


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


def _start(container: Any) -> float:
    """Where the file begins, in seconds of its time stamps."""
    import av

    return (container.start_time or 0) / float(av.time_base)


def _first_line(error: BaseException) -> str:
    """The cause in a decord error: its last clause, without the path of the source."""
    lines = str(error).strip().splitlines()
    return lines[0].rsplit("] ", 1)[-1] if lines else type(error).__name__
