"""Small videos for runs of the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_moving_square(path: Path, seconds: int = 4) -> None:
    """A grey square that moves over a dark ground."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for n in range(seconds * 5):
            picture = np.full((96, 160, 3), 30, np.uint8)
            picture[30:60, n * 4 : n * 4 + 30] = 160
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_video_with_tone(path: Path) -> None:
    """Two minutes of a grey picture, one frame a second, with a quiet hum."""
    import av

    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=1)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        audio: Any = container.add_stream("aac", rate=16_000)
        audio.layout = "mono"
        picture = np.full((96, 160, 3), 90, np.uint8)
        for _ in range(70):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        hum = 0.1 * np.sin(np.arange(1024) * 0.0859)
        for k in range(70 * 16_000 // 1024):
            frame = av.AudioFrame.from_ndarray(
                hum[None].astype(np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 16_000, 1024 * k
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
