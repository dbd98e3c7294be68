"""Files made of real talking clips, and of a picture and a sound that do not belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from livecc.media.audio import read_audio

RATE = 16_000


def pictures(path: Path) -> list[np.ndarray]:
    """All frames of a file, uint8 RGB [height, width, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_media(
    path: Path, frames: Sequence[np.ndarray], samples: np.ndarray | None, rate: int = 25
) -> Path:
    """Write frames at `rate` a second and, unless None, mono sound at RATE, float32 [n]."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=rate, options={"crf": "16"})
        video.pix_fmt = "yuv420p"
        audio: Any = None if samples is None else container.add_stream("aac", rate=RATE)
        if audio is not None:
            audio.layout = "mono"
        video.height, video.width = frames[0].shape[:2]
        for picture in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if samples is not None:
            for first in range(0, len(samples), 1024):
                piece = np.ascontiguousarray(samples[None, first : first + 1024], np.float32)
                sound = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                sound.sample_rate, sound.pts = RATE, first
                container.mux(audio.encode(sound))
            container.mux(audio.encode())
    return path


def grid_files(media: Path) -> list[Path]:
    return sorted(media.glob("grid_*.mpg"))


def joined(media: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """The five GRID clips one after the other: 375 frames and 15 s of speech."""
    frames = [frame for file in grid_files(media) for frame in pictures(file)]
    sounds = []
    for file in grid_files(media):
        sound = read_audio(file).samples[: 3 * RATE]
        sounds.append(np.pad(sound, (0, 3 * RATE - len(sound))))
    return frames, np.concatenate(sounds)
