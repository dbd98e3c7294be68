"""Writing frames and audio to an mp4 file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from canvas import SIZE
from PIL import Image
from speech import SAMPLE_RATE

Frame = Callable[[float], Image.Image]  # the frame at a time in seconds


def write_video(path: Path, frame: Frame, audio: np.ndarray, fps: int, crf: int) -> None:
    """Encode H.264 and AAC to an mp4 with its index first (playable while loading)."""
    frames = int(len(audio) / SAMPLE_RATE * fps)
    pcm = (np.clip(audio, -1, 1) * 32767).astype(np.int16)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        # A fixed thread count, because the output of x264 depends on it.
        video.codec_context.thread_count = 2
        video.options = {
            "crf": str(crf),
            "preset": "slow",
            "tune": "animation",
            "g": str(fps * 5),
        }
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        sound.bit_rate = 48_000 if np.any(pcm) else 8_000
        sent = 0
        for number in range(frames):
            picture = av.VideoFrame.from_image(frame(number / fps))
            picture.pts = number
            container.mux(video.encode(picture))
            # Interleave audio and frames, so that they are close in the file.
            until = len(pcm) if number + 1 == frames else round((number + 1) / fps * SAMPLE_RATE)
            for start in range(sent, until, 1024):
                if start + 1024 > until and until != len(pcm):
                    break
                chunk = av.AudioFrame.from_ndarray(pcm[None, start : start + 1024], "s16", "mono")
                chunk.sample_rate, chunk.pts = SAMPLE_RATE, start
                container.mux(sound.encode(chunk))
                sent = start + 1024
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
