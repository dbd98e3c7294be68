"""The audio of a media file as mono samples on the sound's clock (`livecc.media.clock`).

Sample 0 is the start of the file as played, so a track that starts late is padded with silence, and
gaps (lost or undecodable packets) are filled with silence of the same length.

All channels are averaged, except that in default mode a sound whose channels cancel each other (one
of them is inverted) is that of its first channel. Of several audio tracks, the one a player would
choose is read. Every problem with a file is an `AudioError` of one sentence; `NoAudioError` means
an intact file without audio.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.media.clock import Clock, SoundTrack, clock_of
from livecc.media.container import check_file, decoded, opened

if TYPE_CHECKING:
    import numpy as np

RATE = 16_000
#: A track may end this much before the end stated by its container: encoders pad the last frame,
#: and some containers state an estimate.
MISSING_SECONDS = 1.0
#: Samples are collected in pieces of this length, so that a long sound is copied once and in parts.
PIECE_SECONDS = 60
#: Channels cancel each other if their mean has less than this share of their mean energy (-26 dB),
#: in a second of sound. Stereo recordings are far above, even wide ones.
CANCELLED_ENERGY = 0.0025


class AudioError(LiveccError):
    """The audio of a file is unusable; the message is the reason to record for it."""


class NoAudioError(AudioError):
    """The file has no audio track at all."""


@dataclass(frozen=True, slots=True)
class Audio:
    """`samples`: float32 [n], mono, full scale 1, `rate` per second from the beginning of the file.

    `stated_seconds` is the end of the track according to the container, None if not stated.
    """

    samples: np.ndarray
    rate: int
    stated_seconds: float | None
    clock: Clock

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read_audio(path: Path | str, rate: int = RATE, mode: str = "default") -> Audio:
    """All audio of a file at `rate` samples per second, on the sound's clock.

    Memory holds the samples once. Raises AudioError for a file that is missing, not a media file,
    or shorter than its container states, and NoAudioError for one without an audio track.
    """
    with _opened(path) as (container, stream):
        clock = clock_of(container)
        samples = _joined(_blocks(container, stream, rate, mode), PIECE_SECONDS * rate)
        stated = _stated_seconds(container, stream, clock)
    audio = Audio(samples, rate, stated, clock)
    if stated is not None and stated - audio.seconds > MISSING_SECONDS:
        raise AudioError(f"the audio is truncated: it has {audio.seconds:.1f} s of {stated:.1f} s")
    return audio


def read_audio_spans(
    path: Path | str, spans: Iterable[tuple[int, int]], rate: int = RATE, mode: str = "default"
) -> Iterator[np.ndarray]:
    """The samples [first, last) of each span, float32, in one pass over the file.

    Spans are on the trainer's clock, in samples. They must be sorted by their first sample and may
    overlap. A span beyond the end of the audio is shortened, possibly to nothing. Memory holds one
    span and its overlap with the next one. Decoding stops after the last span. Raises like
    `read_audio`.
    """
    with _opened(path) as (container, stream):
        ahead = round(clock_of(container).sound_ahead(mode) * rate)
        window = _Window(_blocks(container, stream, rate, mode))
        for first, last in spans:
            yield window.cut(first + ahead, last + ahead)


def _joined(blocks: Iterable[np.ndarray], piece: int) -> np.ndarray:
    """The blocks as one array, float32 [n]; they are freed as they are copied.

    Blocks are first joined into pieces of about `piece` samples, because the memory of small blocks
    is not returned to the system.
    """
    import numpy as np

    pieces: list[np.ndarray] = []
    small: list[np.ndarray] = []
    waiting = 0
    for block in blocks:
        small.append(block)
        waiting += len(block)
        if waiting >= piece:
            pieces.append(np.concatenate(small))
            small, waiting = [], 0
    pieces.extend(small)
    samples = np.empty(sum(map(len, pieces)), np.float32)
    end = len(samples)
    while pieces:
        last = pieces.pop()
        samples[end - len(last) : end] = last
        end -= len(last)
    return samples


class _Window:
    """A forward-moving window of a stream of blocks."""

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
        # Keep it as one block, because the next span may overlap this one.
        self._held = [held]
        return held[max(0, first - self._start) : max(0, last - self._start)]

    def _forget(self, before: int) -> None:
        """Drop the blocks that end at or before the sample `before`."""
        while self._held and self._start + len(self._held[0]) <= before:
            self._start += len(self._held.pop(0))


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[Any, Any]]:
    """An open container and its audio stream."""
    check_file(path, AudioError, "a media file")
    with opened(path, AudioError, "not a media file that can be read") as container:
        stream = container.streams.best("audio")
        if stream is None:
            raise NoAudioError("the file has no audio track")
        yield container, stream


def _stated_seconds(container: Any, stream: Any, clock: Clock) -> float | None:
    """The end of the track on the sound's clock, according to the container.

    A common duration of all tracks (Matroska) is used only without a video track, because video is
    often longer than its audio.
    """
    if stream.duration is not None:
        return float(clock.sound - clock.file + stream.duration * stream.time_base)
    return clock.seconds if not container.streams.video else None


def _blocks(container: Any, stream: Any, rate: int, mode: str) -> Iterator[np.ndarray]:
    """Consecutive blocks of the audio, float32 [n], from second 0 of the sound's clock."""
    import numpy as np

    track = SoundTrack(clock_of(container))
    resampler = _Resampler(rate, _Mixer(rate, mode))
    written = 0  # samples yielded
    early = 0  # samples still to skip, before the beginning of the file
    for frame in decoded(container, stream):
        first = track.end is None
        gap = track.add(frame.time, frame.samples / frame.sample_rate)
        silence = 0
        if first:
            early, silence = max(0, round(-gap * rate)), max(0, round(gap * rate))
        elif gap:
            for block in resampler.flush():
                written += len(block)
                yield block
            assert track.end is not None
            begin = track.end - frame.samples / frame.sample_rate
            silence = max(0, round(begin * rate) - written)
        written += silence
        while silence:
            # In parts: a jump of the time stamps may be hours long.
            part = min(silence, PIECE_SECONDS * rate)
            silence -= part
            yield np.zeros(part, np.float32)
        for block in resampler.add(frame):
            kept = block[early:]
            early -= len(block) - len(kept)
            written += len(kept)
            yield kept
    yield from resampler.flush()


class _Mixer:
    """Mixes channels, float32 [channels, n], down to one, float32 [n].

    In default mode it works on a second at a time, and takes the first channel of a second in which
    the channels cancel each other.
    """

    def __init__(self, rate: int, mode: str) -> None:
        self._second = rate
        self._checks = mode != "paper"
        self._held: list[np.ndarray] = []
        self._count = 0

    def add(self, channels: np.ndarray) -> Iterator[np.ndarray]:
        if not self._checks or len(channels) == 1:
            yield channels.mean(axis=0)
            return
        self._held.append(channels)
        self._count += channels.shape[1]
        if self._count >= self._second:
            yield from self.flush()

    def flush(self) -> Iterator[np.ndarray]:
        import numpy as np

        if self._held:
            channels = np.concatenate(self._held, axis=1)
            self._held, self._count = [], 0
            mixed = channels.mean(axis=0)
            each = np.square(channels).mean()
            yield channels[0] if np.square(mixed).mean() < CANCELLED_ENERGY * each else mixed


class _Resampler:
    """Converts frames of any format to mono float32 samples at `rate` per second."""

    def __init__(self, rate: int, mixer: _Mixer) -> None:
        self._rate = rate
        self._mixer = mixer
        self._kind: tuple[str, str, int] | None = None
        self._resampler: Any = None

    def add(self, frame: Any) -> Iterator[np.ndarray]:
        import av

        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            # Broadcasts may switch between stereo and 5.1 within a track.
            yield from self.flush()
            self._kind = kind
            self._resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=self._rate)
        frame.pts = None
        yield from self._mono(self._resampler.resample(frame))

    def flush(self) -> Iterator[np.ndarray]:
        """The rest of the resampler's buffer; the next frame starts a new resampler."""
        if self._resampler is not None:
            yield from self._mono(self._resampler.resample(None))
            yield from self._mixer.flush()
        self._kind = self._resampler = None

    def _mono(self, frames: Iterable[Any]) -> Iterator[np.ndarray]:
        for frame in frames:
            if frame.samples:
                yield from self._mixer.add(frame.to_ndarray())


def container_seconds(path: Path | str) -> float | None:
    """The duration of the file according to its container, including video; None if not stated.

    Nothing is decoded. Raises like `read_audio`.
    """
    with _opened(path) as (container, _):
        return clock_of(container).seconds
