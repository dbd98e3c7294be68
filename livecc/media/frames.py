"""Sampled frames of a video file, as arrays.

`read_frames` opens a file with decord and falls back to PyAV (a newer FFmpeg) if decord cannot open
or decode it, or takes other frames of it than it says. Times are those of the trainer's clock
(`livecc.media.clock`). Every problem with a video is a `VideoError` of one sentence: no such file,
not a video, no video stream, truncated, no frames, an undecodable frame. Frames are rotated upright
according to the file's display matrix.

A file that is truncated according to its container is rejected even if its beginning is decodable:
frames sampled from a part are not those of the video.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from livecc.errors import LiveccError
from livecc.media.clock import SoundTrack, clock_of, starts_of_parts
from livecc.media.container import check_file, decoded, local_name, main_picture, opened
from livecc.media.decord_library import import_decord
from livecc.media.resize import Resize, resize_frames

if TYPE_CHECKING:
    import numpy as np

# Containers that state the position and time of each frame, by their names in FFmpeg. In all others
# (avi, transport and program streams) decord numbers frames wrongly after a seek, so PyAV counts
# them from the beginning.
INDEXED_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
#: Containers that state when a packet is decoded, but not when it is shown.
_NOT_IN_ORDER = frozenset({"avi"})
NOT_INDEXED = "decord takes other frames than it says in this kind of container"
#: Frames no further apart than this are decoded without a seek between them.
RUN_GAP = 8


class VideoError(LiveccError):
    """A video file is unusable; the message is the reason to record for it."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames sampled from one video.

    `pixels`: uint8 RGB [count, height, width, 3], upright. `indices`: int64 [count], the number of
    each frame in presentation order. `n_frames`: number of frames of the whole video.
    """

    pixels: np.ndarray
    indices: np.ndarray
    n_frames: int


class Video(Protocol):
    """An open video: `n_frames` frames in presentation order, on average `fps` per second."""

    n_frames: int
    fps: float

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The frames at `indices`, uint8 RGB [len(indices), height, width, 3], upright."""
        ...

    def times(self) -> np.ndarray:
        """Start and end of each frame's display, float64 [n_frames, 2].

        In seconds on the trainer's clock.
        """
        ...


def sample_indices(n_frames: int, count: int) -> np.ndarray:
    """`count` evenly spaced frame numbers from the first to the last, int64 [count].

    round(linspace(0, n_frames - 1, count)), with halves rounded to even, as in numpy. If a video
    has fewer frames than `count`, some are repeated.
    """
    import numpy as np

    return np.round(np.linspace(0, n_frames - 1, count)).astype(np.int64)


def read_frames(
    path: Path | str, count: int, resize: Resize | None = None, threads: int = 0
) -> Frames:
    """`count` evenly sampled frames of the video at `path`.

    `threads` is the number of decoding threads; 0 lets the decoder choose. Raises VideoError with
    the reason when the file is unusable.
    """
    video = open_video(path, threads)
    indices = sample_indices(video.n_frames, count)
    return Frames(resize_frames(video.read(indices), resize), indices, video.n_frames)


def open_video(path: Path | str, threads: int = 0, size: tuple[int, int] | None = None) -> Video:
    """Open the video at `path` for reading any of its frames.

    `size` (height, width): the decoder resizes frames to this size (FFmpeg's bicubic), which costs
    less than resizing them afterwards; None keeps their size. Raises VideoError with the reason
    when the file is unusable.
    """
    if decord_problem(path) is None:
        with suppress(VideoError):
            return DecordVideo(path, threads, size)
    return AvVideo(path, threads, size)


def decord_problem(path: Path | str) -> str | None:
    """Why decord may take wrong frames of a file; None for the usual ones.

    Checking with PyAV first takes milliseconds and gives reasons instead of decord's C++ messages.
    Only the header and the first packets are read. Raises VideoError for an unusable file.
    """
    check_file(path, VideoError, "a video file")
    with opened_video(path) as container:
        stream = main_stream(container)
        if container.format.name not in INDEXED_FORMATS:
            return NOT_INDEXED
        packet = next((packet for packet in container.demux(stream) if packet.size), None)
        if packet is None:
            return None
        if not packet.is_keyframe:
            return "its picture does not begin with a key frame"
        if packet.is_discard:
            return "an edit list hides its first frames, which decord counts"
        if _hides_frames(stream):
            return "an edit list hides frames between others, which decord counts"
    return None


def _hides_frames(stream: Any) -> bool:
    """Whether an edit list hides frames of an opened stream that others follow.

    Hidden frames behind all others do no harm: decord has them behind those, too.
    """
    # Of other containers the index lists key frames alone, if there is one; PyAV 14 has no lists.
    if "mov" not in stream.container.format.name or not hasattr(stream, "index_entries"):
        return False
    hidden = False
    for entry in stream.index_entries:
        if entry.is_discard:
            hidden = True
        elif hidden:
            return True
    return False


class DecordVideo:
    """A video opened by decord. Raises VideoError when decord cannot open it.

    Frames that decord cannot decode (some rotated videos, damaged streams) are decoded by PyAV.
    """

    def __init__(
        self, path: Path | str, threads: int = 0, size: tuple[int, int] | None = None
    ) -> None:
        decord = import_decord()

        # The decoder logs hundreds of messages to stderr; real problems raise an exception.
        decord.logging.set_level(decord.logging.QUIET)
        self._errors = decord_errors()
        self._path = path
        self._threads = threads
        self._size = size
        self._other: AvVideo | None = None
        height, width = size or (-1, -1)  # -1: original size
        try:
            self._reader: Any = decord.VideoReader(
                local_name(path), num_threads=threads, width=width, height=height
            )
            self.n_frames = len(self._reader)
            self.fps = float(self._reader.get_avg_fps())
        except self._errors as error:
            raise VideoError(f"decord cannot open it ({first_line(error)})") from None
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
            raise VideoError(f"decord has no times of its frames ({first_line(error)})") from None
        return np.asarray(times, np.float64)


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
        with opened_video(path) as container:
            stream = main_stream(container)
            self.fps = float(stream.average_rate or 0)
            indexed = container.format.name in INDEXED_FORMATS
            packets = _packets(container, stream, with_sound=not indexed)
        self.n_frames = len(packets.stamps)
        if not self.n_frames:
            raise VideoError("the video has no frames")
        #: Time stamp of each frame, in presentation order; None if some frame has none of its own.
        self._stamps = packets.in_order()
        self._stamps_tell = container.format.name not in _NOT_IN_ORDER
        # A recording that follows another one may have the same time stamps.
        self._seekable = indexed and len(packets.starts) == 1
        self._times = packets.times(1 / (self.fps or 25.0))
        # Position of the counting decoder, so that frames read in order are decoded once.
        self._counter: Iterator[tuple[int, Any]] = iter(())
        self._next = 0

    def times(self) -> np.ndarray:
        return self._times

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
        with opened_video(self._path, "a sampled frame cannot be decoded") as container:
            stream = main_stream(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self._threads
            yield container, stream

    def _seek_each(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """The wanted frames, decoded from the preceding key frames."""
        found: dict[int, np.ndarray] = {}
        stamps = self._stamps
        if not self._seekable or stamps is None:
            return found
        with self._decoding() as (container, stream):
            for run in _runs([k for k in wanted if k < self.n_frames]):
                numbers = {stamps[k]: k for k in run}
                last = stamps[run[-1]]
                container.seek(stamps[run[0]], stream=stream)
                for frame in decoded(container, stream):
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
        """All frames with their numbers; those that the decoder leaves out keep their numbers."""
        with self._decoding() as (container, stream):
            number = 0
            for frame in decoded(container, stream):
                number = self._number(frame.pts, number)
                yield number, frame
                number += 1

    def _number(self, stamp: int | None, expected: int) -> int:
        """The number of the frame with a time stamp, from `expected` on."""
        stamps = self._stamps if self._stamps_tell else None
        if stamps is None or stamp is None or stamp in stamps[expected : expected + 1]:
            return expected
        try:
            return stamps.index(stamp, expected)
        except ValueError:
            return expected

    def _pixels(self, frame: Any) -> np.ndarray:
        """RGB pixels of the wanted size, rotated upright by the frame's display matrix."""
        import numpy as np

        # PyAV gives the counterclockwise angle that makes the frame upright.
        turns = round(frame.rotation / 90) % 4
        if self._size is not None:
            height, width = self._size if turns % 2 == 0 else self._size[::-1]
            frame = frame.reformat(width, height, "rgb24", interpolation="BICUBIC")
        return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


@dataclass(frozen=True, slots=True)
class _Packets:
    """The packets of a video track from its first key frame on, in the order of the file.

    `stamps`: their presentation times, in units of `time_base` seconds, None where not stated.
    `starts`: where each recording begins. `shifts`: for each recording, what its time stamps need
    to be on the trainer's clock (seconds); None where a recording follows the one before it.
    """

    stamps: list[int | None]
    starts: list[int]
    shifts: list[float | None]
    time_base: float

    def _parts(self) -> list[list[int]]:
        parts = [self.stamps[first:last] for first, last in pairwise([*self.starts, None])]
        return [sorted(stamp for stamp in part if stamp is not None) for part in parts]

    def in_order(self) -> list[int] | None:
        """The time stamps in presentation order; None if some frame has none of its own."""
        parts = self._parts()
        own = sum(len(set(part)) for part in parts)
        return [stamp for part in parts for stamp in part] if own == len(self.stamps) else None

    def times(self, step: float) -> np.ndarray:
        """Start and end of each frame, float64 [n, 2], seconds on the trainer's clock.

        Without time stamps, and at the end of a recording, a frame lasts `step` seconds.
        """
        import numpy as np

        begin = np.arange(len(self.stamps)) * step
        if self.in_order() is not None:
            placed: list[np.ndarray] = []
            for part, shift in zip(self._parts(), self.shifts, strict=True):
                seconds = np.array(part) * self.time_base
                if shift is None:
                    shift = placed[-1][-1] + step - seconds[0]
                placed.append(seconds + shift)
            begin = np.concatenate(placed)
        return np.stack([begin, np.append(begin[1:], begin[-1] + step)], axis=1)


def _packets(container: Any, stream: Any, *, with_sound: bool) -> _Packets:
    """Read all packets of a video track.

    `with_sound`: also those of the sound, for a file that may consist of joined recordings: its
    picture is then placed with its sound. Raises VideoError if that is not possible.
    """
    clock = clock_of(container)
    sound = container.streams.best("audio") if with_sound else None
    track = SoundTrack(clock)
    stamps: list[int | None] = []
    order: list[float | None] = []
    begun = False
    for packet in container.demux([one for one in (stream, sound) if one is not None]):
        if not packet.size:
            continue
        if sound is not None and packet.stream_index == sound.index:
            stamp = None if packet.pts is None else float(packet.pts * sound.time_base)
            track.add(stamp, float((packet.duration or 0) * sound.time_base))
        else:
            if packet.is_keyframe and not begun:
                # A recording may be cut anywhere; frames before a key frame cannot be decoded.
                begun = True
                stamps.clear()
                order.clear()
            if not packet.is_discard:
                stamps.append(packet.pts)
                decode = packet.pts if packet.dts is None else packet.dts
                order.append(None if decode is None else float(decode * stream.time_base))
    starts = starts_of_parts(order)
    shifts: list[float | None] = [-clock.picture, *[None] * (len(starts) - 1)]
    if len(starts) > 1 and track.end is not None:
        if len(track.shifts) != len(starts):
            raise VideoError(
                "joined recordings whose picture and sound cannot be aligned: time stamps restart "
                f"{len(starts) - 1} times in the picture, {len(track.shifts) - 1} in the sound"
            )
        ahead = clock.picture - clock.file
        shifts = [shift - ahead for shift in track.shifts]
    return _Packets(stamps, starts, shifts, float(stream.time_base))


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """Split sorted frame numbers into runs in which decoding on is cheaper than seeking."""
    run: list[int] = []
    for number in numbers:
        if run and number - run[-1] > RUN_GAP:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def opened_video(
    path: Path | str, problem: str = "not a video that can be read"
) -> AbstractContextManager[Any]:
    """An open PyAV container; FFmpeg errors inside become a VideoError with `problem`."""
    return opened(path, VideoError, problem)


def main_stream(container: Any) -> Any:
    """The stream that a player shows (and decord reads) when a file has several."""
    stream = main_picture(container)
    if stream is None:
        cover = ", only a cover picture" if container.streams.video else ""
        raise VideoError(f"the file has no video stream{cover}")
    return stream


def decord_errors() -> tuple[type[Exception], ...]:
    """What decord raises for a file that it cannot open or read."""
    decord = import_decord()

    return RuntimeError, decord.DECORDError, IndexError


def first_line(error: BaseException) -> str:
    """The cause of a decord error: its last clause, without the source path."""
    lines = str(error).strip().splitlines()
    clause = lines[0].rsplit("] ", 1)[-1] if lines else type(error).__name__
    return re.sub(r"^\S+\.cc:\d+: ", "", clause)
