"""Small made-up sound files for tests: tones and bursts of noise whose place is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

BURST_SECONDS = 0.05


def tone(seconds: float, rate: int = 16_000, frequency: float = 440.0) -> np.ndarray:
    """A sine at half of full scale, float32 [n]."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def bursts(seconds: float, at: Sequence[float], rate: int = 16_000) -> np.ndarray:
    """Silence with a short loud tone beginning at each second of `at`, float32 [n]."""
    samples = np.zeros(round(seconds * rate), np.float32)
    for start in at:
        first = round(start * rate)
        burst = tone(BURST_SECONDS, rate, 1000.0)[: len(samples) - first]
        samples[first : first + len(burst)] = burst
    return samples


def burst_times(samples: np.ndarray, rate: int = 16_000) -> list[float]:
    """Where the bursts in a decoded sound begin, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    apart = np.flatnonzero(np.diff(loud) > rate * BURST_SECONDS)
    return [round(float(k) / rate, 3) for k in loud[np.concatenate([[0], apart + 1])]]


def write_sound(
    path: Path,
    samples: np.ndarray | Sequence[np.ndarray],
    rate: int = 16_000,
    *,
    codec: str = "pcm_s16le",
    layout: str = "mono",
    late_seconds: float = 0.0,
    picture_seconds: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write one audio track, or one for each array of a list, float32 [n] or [channels, n].

    The tracks begin `late_seconds` after the beginning of a black picture of `picture_seconds`.
    """
    tracks = [samples] if isinstance(samples, np.ndarray) else list(samples)
    with av.open(str(path), "w", options=options or {}) as container:
        video: Any = None
        if picture_seconds:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        streams: list[Any] = []
        for _ in tracks:
            stream: Any = container.add_stream(codec, rate=rate)
            stream.layout = layout
            streams.append(stream)
        for k in range(round(25 * picture_seconds)):
            picture = np.zeros((48, 64, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = k
            container.mux(video.encode(frame))
        if video is not None:
            container.mux(video.encode())
        for stream, track in zip(streams, tracks, strict=True):
            _encode(container, stream, np.atleast_2d(track), rate, layout, late_seconds)
    return path


def _encode(
    container: Any, stream: Any, track: np.ndarray, rate: int, layout: str, late_seconds: float
) -> None:
    stream.codec_context.open(False)
    step = stream.codec_context.frame_size or 1024
    convert = av.AudioResampler(format=stream.codec_context.format.name, layout=layout, rate=rate)
    for first in range(0, track.shape[1], step):
        piece = np.ascontiguousarray(track[:, first : first + step])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
        frame.sample_rate = rate
        for converted in convert.resample(frame):
            converted.pts = first + round(late_seconds * rate)
            container.mux(stream.encode(converted))
    container.mux(stream.encode())
