"""Recordings of a test pattern: the picture flashes and a beep sounds at the same moments.

Where a reader finds flashes and beeps tells how well it keeps picture and sound together. Files are
written in many containers, then cut, moved and joined as people do it, without encoding again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

SECONDS = 12.0
#: Of flashes and beeps, and how long they last.
MOMENTS = (2.0, 5.0, 9.0)
LASTS = 0.2
FPS = 25
SOUND_RATE = 48_000
MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Pattern:
    """How the test pattern is written.

    `shift`: seconds added to all time stamps. `picture_from` and `sound_from`: what comes earlier
    is left out. `even`: false for a picture that has 5 frames a second in its first 4 s.
    """

    codecs: tuple[str, str] = ("libx264", "aac")
    shift: float = 0.0
    picture_from: float = 0.0
    sound_from: float = 0.0
    even: bool = True
    options: tuple[tuple[str, str], ...] = ()

    def write(self, path: Path) -> Path:
        with av.open(str(path), "w", options=dict(self.options)) as container:
            picture: Any = container.add_stream(self.codecs[0], rate=FPS, options=self._effort())
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            sound: Any = container.add_stream(self.codecs[1], rate=SOUND_RATE)
            sound.layout = "mono"
            packets = [*self._pictures(picture), *self._sounds(sound)]
            for packet in packets:
                moved = round(self.shift / packet.time_base)
                packet.pts += moved
                packet.dts += moved
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                container.mux(packet)
        return path

    def _effort(self) -> dict[str, str]:
        x264 = {"bf": "2", "preset": "ultrafast"}
        return {"g": "50", **(x264 if self.codecs[0] == "libx264" else {})}

    def _pictures(self, stream: Any) -> list[Any]:
        if not self.even:
            stream.codec_context.time_base = MILLISECOND
        moments = [
            k / FPS for k in range(round(SECONDS * FPS)) if self.even or k >= 100 or k % 5 == 0
        ]
        packets = []
        for moment in moments:
            if moment < self.picture_from:
                continue
            flash = any(m - 1e-6 <= moment < m + LASTS - 1e-6 for m in MOMENTS)
            grey = np.full((48, 64, 3), 235 if flash else 16, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = round(1000 * moment), MILLISECOND
            packets += stream.encode(frame)
        return packets + list(stream.encode())

    def _sounds(self, stream: Any) -> list[Any]:
        stream.codec_context.open(False)
        samples = _beeps()
        step = stream.codec_context.frame_size or 1024
        convert = av.AudioResampler(
            format=stream.codec_context.format.name, layout="mono", rate=SOUND_RATE
        )
        packets = []
        for first in range(round(self.sound_from * SOUND_RATE), len(samples), step):
            piece = np.ascontiguousarray(samples[None, first : first + step])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = (
                SOUND_RATE,
                first,
                Fraction(1, SOUND_RATE),
            )
            for converted in convert.resample(frame):
                packets += stream.encode(converted)
        return packets + list(stream.encode())


def _beeps() -> np.ndarray:
    samples = np.zeros(round(SECONDS * SOUND_RATE), np.float32)
    time = np.arange(round(LASTS * SOUND_RATE)) / SOUND_RATE
    for moment in MOMENTS:
        first = round(moment * SOUND_RATE)
        samples[first : first + len(time)] = 0.5 * np.sin(2 * np.pi * 1000 * time)
    return samples


def copy(
    source: Path,
    target: Path,
    *,
    start: float = 0.0,
    end: float = SECONDS,
    keep_stamps: bool = False,
    move: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Copy the packets from `start` to `end` (seconds), as a program that does not encode cuts.

    The picture begins at the key frame before `start`, the sound at `start`, which gets the time
    stamp 0 (with `keep_stamps`: its own). `move` is added to all time stamps.
    """
    with av.open(str(source)) as read, av.open(str(target), "w", options=options or {}) as write:
        streams = [read.streams.video[0], read.streams.audio[0]]
        copies = {s.index: write.add_stream_from_template(s) for s in streams}
        if start:
            read.seek(round(start * av.time_base))
        for packet in read.demux(streams):
            if packet.dts is None or packet.pts is None:
                continue
            moment = float(packet.pts * packet.time_base)
            if moment >= end or (packet.stream.type == "audio" and moment < start):
                continue
            moved = round((move - (0 if keep_stamps else start)) / packet.time_base)
            packet.pts += moved
            packet.dts += moved
            packet.stream = copies[packet.stream_index]
            write.mux(packet)
    return target


def join(target: Path, *parts: Path) -> Path:
    """The parts behind each other, byte by byte, as recordings are joined with `cat`."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def edit(source: Path, target: Path, *shown: tuple[float, float]) -> Path:
    """An MP4 file whose edit lists show these parts of it (from, to, in seconds), in this order.

    As programs do that trim and paste without writing anything anew. `source` is one of `Pattern`,
    which has an edit list of one entry for each track.
    """
    data = source.read_bytes()
    target.write_bytes(_edited(data, 0, len(data), shown))
    return target


def _edited(data: bytes, first: int, last: int, shown: Sequence[tuple[float, float]]) -> bytes:
    """The boxes in data[first:last] with other edit lists. What they hold lies before them."""
    found, edits, scale = b"", b"", 0
    boxes = [(kind, at, size) for kind, at, size in _boxes(data, first, last)]
    for kind, at, size in boxes:
        if kind == b"mdia":
            (header,) = (at for kind, at, _ in _boxes(data, at + 8, at + size) if kind == b"mdhd")
            (scale,) = struct.unpack_from(">I", data, header + 20)
    for kind, at, size in boxes:
        body = data[at + 8 : at + size]
        if kind in (b"moov", b"trak"):
            body = _edited(data, at + 8, at + size, shown)
        elif kind == b"edts":
            # Size, kind, version, number of entries, duration: then the first time of the track.
            (begin,) = struct.unpack_from(">i", body, 20)
            for start, end in shown:
                at_start = begin + round(start * scale)
                edits += struct.pack(">IiI", round(1000 * (end - start)), at_start, 0x10000)
            body = _box(b"elst", struct.pack(">II", 0, len(shown)) + edits)
        found += _box(kind, body)
    return found


def _boxes(data: bytes, first: int, last: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, offset, size) of the boxes in data[first:last]."""
    while first < last:
        (size,) = struct.unpack_from(">I", data, first)
        yield data[first + 4 : first + 8], first, size
        first += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


# --- where a reader finds them -------------------------------------------------------------------


def flashes(times: Sequence[float] | np.ndarray, pixels: np.ndarray) -> list[float]:
    """Where flashes begin: `times` of frames (seconds), `pixels` [n, height, width, 3]."""
    bright = pixels.mean(axis=(1, 2, 3)) > 120
    begins = bright & ~np.concatenate([[False], bright[:-1]])
    return [round(float(time), 3) for time, begin in zip(times, begins, strict=True) if begin]


def beeps(samples: np.ndarray, rate: int) -> list[float]:
    """Where beeps begin in a mono sound, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    apart = np.flatnonzero(np.diff(loud) > rate * LASTS / 2)
    return [round(float(k) / rate, 3) for k in loud[np.concatenate([[0], apart + 1])]]


# --- files as people have them -------------------------------------------------------------------

WEBM = ("libvpx-vp9", "libopus")


def _cut(name: str, start: float, **how: Any) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        plain = Pattern().write(path.with_name(f"whole of {name}"))
        return copy(plain, path, start=start, **how)

    return make


def _edit(*shown: tuple[float, float]) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        plain = Pattern().write(path.with_name(f"whole of {path.name}"))
        return edit(plain, path, *shown)

    return make


def _join(*shifts: float, **how: Any) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        parts = [
            Pattern(shift=shift, **how).write(path.with_name(f"{k} of {path.name}"))
            for k, shift in enumerate(shifts)
        ]
        return join(path, *parts)

    return make


#: Name -> what writes the file.
FILES: dict[str, Callable[[Path], Path]] = {
    "plain.mp4": Pattern().write,
    "plain.mov": Pattern().write,
    "plain.mkv": Pattern().write,
    "vp9.webm": Pattern(WEBM).write,
    "vp8.webm": Pattern(("libvpx", "libopus")).write,
    # As a browser records: nothing says how long it is.
    "live.webm": Pattern(WEBM, options=(("live", "1"),)).write,
    "plain.ts": Pattern().write,
    "plain.flv": Pattern().write,
    "mpeg4.avi": Pattern(("mpeg4", "libmp3lame")).write,
    "mpeg1.mpg": Pattern(("mpeg1video", "mp2")).write,
    "fragments.mp4": Pattern(options=(("movflags", "frag_keyframe+empty_moov"),)).write,
    # Time stamps that begin late.
    "late.mp4": Pattern(shift=5).write,
    "late.mkv": Pattern(shift=9000).write,
    "late.webm": Pattern(WEBM, shift=5).write,
    "late.ts": Pattern(shift=1000).write,
    "late.flv": Pattern(shift=5).write,
    # A picture that begins after its sound, and the other way round.
    "picture_late.mp4": Pattern(picture_from=1.52).write,
    "picture_late.mkv": Pattern(picture_from=1.52, shift=3).write,
    "picture_late.webm": Pattern(WEBM, picture_from=1.52).write,
    "picture_late.ts": Pattern(picture_from=1.52).write,
    "sound_late.mp4": Pattern(sound_from=1.5).write,
    "sound_late.mkv": Pattern(sound_from=1.5, shift=3).write,
    "sound_late.ts": Pattern(sound_from=1.5).write,
    # Cut where no key frame is: an edit list hides what is before, or the picture begins early.
    "cut.mp4": _cut("a.mp4", 3.4, options={"avoid_negative_ts": "disabled"}),
    "cut.mov": _cut("b.mp4", 3.4, options={"avoid_negative_ts": "disabled"}),
    "cut_early.mp4": _cut("c.mp4", 3.4, options={"avoid_negative_ts": "make_zero"}),
    "cut.mkv": _cut("d.mp4", 3.4),
    "cut.ts": _cut("e.mp4", 3.4),
    # Edit lists that leave out the middle, at key frames and elsewhere, show some twice, or show
    # the end first.
    "edited.mp4": _edit((0, 4), (8, 12)),
    "edited_anywhere.mp4": _edit((0, 4.4), (7.6, 12)),
    "edited_twice.mp4": _edit((0, 6), (4, 12)),
    "edited_swapped.mp4": _edit((6, 12), (0, 6)),
    # Pieces of a recording that keep their time stamps.
    "piece.mp4": _cut("f.mp4", 4.0, keep_stamps=True),
    "piece.mkv": _cut("g.mp4", 4.0, keep_stamps=True, move=600),
    "piece.ts": _cut("h.mp4", 4.0, keep_stamps=True),
    # Recordings joined with `cat`: time stamps restart, go back a little, or jump ahead.
    "joined.ts": _join(0, 0, 0),
    "joined_back.ts": _join(5, 0),
    "joined_ahead.ts": _join(0, 100),
    "joined.mpg": _join(0, 0, codecs=("mpeg1video", "mp2")),
    "uneven.mp4": Pattern(even=False).write,
    "uneven.mkv": Pattern(even=False).write,
}
