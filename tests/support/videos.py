"""Small made-up video files for tests; frame k is a flat grey whose brightness tells k."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STEP = 3


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """SVT-AV1, when it is root, makes the thread that opens it a real-time one, and leaves it so.

    All processes started from there would be real-time, too, and starve the rest of the machine.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def write_video(
    path: Path,
    n_frames: int = 60,
    *,
    size: tuple[int, int] = (48, 64),
    rate: int | Fraction = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write `n_frames` frames of `size` (height, width) at `rate` a second."""
    with (
        scheduling_kept(),
        av.open(str(path), "w", options=container_options or {}) as container,
    ):
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for k in range(n_frames):
            picture = np.full((*size, 3), (20 + STEP * k) % 256, np.uint8)
            picture[: size[0] // 2, : size[1] // 2] = 255  # shows which corner is the upper left
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def frame_numbers(pixels: np.ndarray) -> list[int]:
    """Which frame of a written video each of `pixels` [n, height, width, 3] is."""
    brightness = pixels[:, -8:, -8:].mean(axis=(1, 2, 3))
    return [round((float(b) - 20) / STEP) for b in brightness]


def write_audio(path: Path) -> Path:
    """An mp4 with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        for k in range(16):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate = 16000
            frame.pts = 1024 * k
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_clockwise(path: Path, result: Path) -> Path:
    """Copy an mp4 with a display matrix that asks for a quarter turn clockwise."""
    data = bytearray(path.read_bytes())
    # tkhd, version 0: 40 bytes of other fields stand before the matrix (ISO/IEC 14496-12).
    position = data.index(b"tkhd") + 4 + 40
    matrix = struct.unpack_from(">9i", data, position)
    assert matrix == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, position, 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    result.write_bytes(data)
    return result
