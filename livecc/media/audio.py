"""The sound of a video or audio file as one channel of samples on the file's own clock.

Sample 0 lies at the beginning of the file as a player shows it (the container's start time), so
that seconds in the sound are seconds in the picture: a track that starts late begins with silence,
and a hole in it (packets that were lost or cannot be decoded) is silence of the same length.

Channels are averaged, whatever their number. Of several audio tracks the one a player would choose
is read. Everything that can be wrong with a file is an `AudioError` of one sentence; `NoAudioError`
is a whole file without sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.media.truncation import cut_reason

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
#: A difference between a frame's time and the end of the frame before it that counts as a hole:
#: well above the rounding of containers' time stamps (1 ms in Matroska) and below a syllable.
HOLE_SECONDS = 0.1
#: A track may end this much before the end that its container states: encoders pad the last frame,
#: and some containers only estimate.
MISSING_SECONDS = 1.0


class AudioError(LiveccError):
    """The sound of a file cannot be used; the message is the reason to record for it."""


class NoAudioError(AudioError):
    """The file has no audio track at all."""


@dataclass(frozen=True, slots=True)
class Audio:
    """`samples`: float32 [n], mono, full scale 1, `rate` a second from the beginning of the file.

    `stated_seconds` is the end of the track that the container states, None where it states none.
    """

    samples: np.ndarray
    rate: int
    stated_seconds: float | None

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read_audio(path: Path | str, rate: int = RATE) -> Audio:
    """All of a file's sound at `rate` samples a second.

    Raises AudioError for a file that is missing, no media file, or shorter than its container
    says, and NoAudioError for one without an audio track.
    """
    import numpy as np

    with _opened(path) as (container, stream):
        blocks = list(_blocks(container, stream, rate))
        stated = _stated_seconds(container, stream)
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    audio = Audio(samples, rate, stated)
    if stated is not None and stated - audio.seconds > MISSING_SECONDS:
        raise AudioError(f"the audio is truncated: it has {audio.seconds:.1f} s of {stated:.1f} s")
    return audio


def read_audio_spans(
    path: Path | str, spans: Iterable[tuple[int, int]], rate: int = RATE
) -> Iterator[np.ndarray]:
    """The samples [first, last) of each span, float32, in one pass over the file.

    `spans` must be sorted by their first sample and may overlap. A span that reaches beyond the end
    of the sound is shorter, perhaps empty. Held in memory is one span, and as much before its end
    as the next one begins earlier. Decoding stops with the last span. Raises as `read_audio`.
    """
    with _opened(path) as (container, stream):
        window = _Window(_blocks(container, stream, rate))
        for first, last in spans:
            yield window.cut(first, last)


class _Window:
    """A part of a stream of blocks that moves forward."""

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self._blocks = blocks
        self._held: list[np.ndarray] = []
        self._start = self._end = 0

    def cut(self, first: int, last: int) -> np.ndarray:
        import numpy as np

        self._forget(first)
        while self._end < last:
            block = next(self._blocks, None)
            if block is None:
                break
            self._held.append(block)
            self._end += len(block)
            self._forget(first)
        if not self._held:
            return np.zeros(0, np.float32)
        held = np.concatenate(self._held)
        # One piece from now on: the next span may overlap this one.
        self._held = [held]
        return held[max(0, first - self._start) : max(0, last - self._start)]

    def _forget(self, before: int) -> None:
        """Let go of the blocks that end at or before the sample `before`."""
        while self._held and self._start + len(self._held[0]) <= before:
            self._start += len(self._held.pop(0))


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[Any, Any]]:
    """An open container and its audio stream."""
    import av

    path = Path(path)
    try:
        if path.is_dir():
            raise AudioError("is a folder, not a media file")
        if path.stat().st_size == 0:
            raise AudioError("the file is empty")
        reason = cut_reason(path)
    except FileNotFoundError:
        raise AudioError("no such file") from None
    except OSError as error:
        raise AudioError(f"cannot be read ({error.strerror})") from None
    if reason:
        raise AudioError(reason)
    try:
        # An absolute path, because FFmpeg takes `name:rest.mp4` for a network protocol.
        with av.open(str(path.absolute())) as container:
            stream = container.streams.best("audio")
            if stream is None:
                raise NoAudioError("the file has no audio track")
            yield container, stream
    except av.FFmpegError as error:
        raise AudioError(f"not a media file that can be read ({error.strerror})") from None


def _stated_seconds(container: Any, stream: Any) -> float | None:
    """Where the track ends, in seconds from the beginning of the file, as the container says.

    A container that states one length for all tracks (Matroska) is believed when it has no picture:
    a video often outlasts its sound.
    """
    if stream.duration is not None:
        begin = (stream.start_time or 0) * stream.time_base - _start(container)
        return float(begin + stream.duration * stream.time_base)
    if container.duration is not None and not container.streams.video:
        return float(container.duration / _microseconds())
    return None


def _start(container: Any) -> float:
    """The container's start time in seconds."""
    return (container.start_time or 0) / _microseconds()


def _microseconds() -> int:
    import av

    return int(av.time_base)


def _blocks(container: Any, stream: Any, rate: int) -> Iterator[np.ndarray]:
    """Consecutive pieces of the sound, float32 [n], from second 0 of the file."""
    import numpy as np

    begin = _start(container)
    limit = None if container.duration is None else container.duration / _microseconds()
    resampler = _Resampler(rate)
    written = 0  # samples given out
    early = 0  # samples still to leave out: they lie before the beginning of the file
    expected: float | None = None  # where the next frame should begin, in seconds
    for frame in _frames(container, stream):
        time = None if frame.time is None else frame.time - begin
        if expected is None:
            expected = time or 0.0
            early = max(0, round(-expected * rate))
            silence = max(0, round(expected * rate))
        elif time is not None and expected + HOLE_SECONDS < time <= (limit or time):
            for block in resampler.flush():
                written += len(block)
                yield block
            expected = time
            silence = max(0, round(time * rate) - written)
        else:
            # Times that jump back, or beyond the end, are wrong: the frames are simply joined.
            silence = 0
        if silence:
            written += silence
            yield np.zeros(silence, np.float32)
        expected += frame.samples / frame.sample_rate
        for block in resampler.add(frame):
            kept = block[early:]
            early -= len(block) - len(kept)
            written += len(kept)
            yield kept
    yield from resampler.flush()


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """The decoded frames; damaged packets are passed over."""
    import av

    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


class _Resampler:
    """Frames of any format to mono float32 samples at `rate` a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kind: tuple[str, str, int] | None = None
        self._resampler: Any = None

    def add(self, frame: Any) -> Iterator[np.ndarray]:
        import av

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            # Broadcasts change from stereo to 5.1 and back within a track.
            yield from self.flush()
            self._kind = kind
            self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=self._rate)
        frame.pts = None
        yield from self._mono(self._resampler.resample(frame))

    def flush(self) -> Iterator[np.ndarray]:
        """What is still inside the resampler; the next frame begins anew."""
        if self._resampler is not None:
            yield from self._mono(self._resampler.resample(None))
        self._kind = self._resampler = None

    @staticmethod
    def _mono(frames: Iterable[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            if frame.samples:
                # [channels, n]; the mean weighs every channel alike.
                yield frame.to_ndarray().mean(axis=0)


def container_seconds(path: Path | str) -> float | None:
    """How long the file is as its container says, picture included; None where it does not say.

    Nothing is decoded. Raises as `read_audio`.
    """
    with _opened(path) as (container, _):
        if container.duration is None:
            return None
        return float(container.duration / _microseconds())
