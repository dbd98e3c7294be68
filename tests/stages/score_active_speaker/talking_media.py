"""Files made of real talking clips, and of a picture and a sound that do not belong together."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from livecc.media.audio import read_audio
from tests.support.videos import scheduling_kept

RATE = 16_000
MILLISECOND = Fraction(1, 1000)


def pictures(path: Path) -> list[np.ndarray]:
    """All frames of a file, uint8 RGB [height, width, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_media(
    path: Path,
    frames: Sequence[np.ndarray],
    *tracks: np.ndarray | None,
    rate: int = 25,
    moments: Sequence[float] | None = None,
    codecs: tuple[str, str] = ("libx264", "aac"),
    sound: tuple[int, str] = (RATE, "mono"),
) -> Path:
    """Write frames and audio tracks (None: no track) of mono sound at RATE, float32 [n].

    Frames are shown `rate` a second, or from the seconds `moments` on. `codecs` of the picture and
    of the sound, which is written with the rate and layout `sound`. No frames: sound alone.
    """
    with scheduling_kept(), av.open(str(path), "w") as container:
        video: Any = None
        if frames:
            # x264's default effort codes a picture that stands still as one that does.
            options = {"crf": "16"} if codecs[0] == "libx264" else {"crf": "30"}
            video = container.add_stream(codecs[0], rate=rate, options=options)
            video.pix_fmt = "yuv420p"
            video.height, video.width = frames[0].shape[:2]
            if moments is not None:
                video.time_base = video.codec_context.time_base = MILLISECOND
        audios: list[tuple[Any, np.ndarray]] = []
        for samples in tracks:
            if samples is not None:
                audio: Any = container.add_stream(codecs[1], rate=sound[0])
                audio.layout = sound[1]
                audios.append((audio, samples))
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if moments is not None:
                frame.pts, frame.time_base = round(1000 * moments[k]), MILLISECOND
            container.mux(video.encode(frame))
        if frames:
            container.mux(video.encode())
        for audio, samples in audios:
            for first in range(0, len(samples), 1024):
                piece = np.ascontiguousarray(samples[None, first : first + 1024], np.float32)
                heard = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                heard.sample_rate, heard.pts, heard.time_base = RATE, first, Fraction(1, RATE)
                container.mux(audio.encode(heard))
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
