"""A clip as a video of its own: its frames and sound, and below them its words as they are said.

Frames, sound and words are put together on the trainer's clock (`livecc.media.clock`), so what is
seen and heard with a word is what the trainer sees with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livecc.errors import LiveccError
from livecc.files.atomic import atomic_path
from livecc.formats.records import Clip, Transcript
from livecc.formats.video_paths import RefusedVideoError, VideoFolder
from livecc.media.audio import AudioError, read_audio_spans
from livecc.media.frames import VideoError, open_video
from livecc.showing.captions import Captions

if TYPE_CHECKING:
    import numpy as np

#: Frames and samples of sound a second of the video that is written.
RATE = 25
SOUND_RATE = 44_100
#: The picture is at most this high and wide; smaller ones are not enlarged.
_MOST_HEIGHT, _MOST_WIDTH = 480, 854
#: So narrow a band has no room for a word.
_LEAST_WIDTH = 240
#: Frames that are decoded at a time.
_BATCH = 16
_BLOCK = 1_024


def play_clip(
    output: Path, videos: VideoFolder, transcript: Transcript, clip: Clip, font: Path | None = None
) -> Iterator[str]:
    """Write what the sample of a clip shows as an mp4; yields notes about what it lacks.

    Raises LiveccError when the video is missing, must not be opened, has no such part, or cannot
    be decoded, and when the file cannot be written.
    """
    import av

    try:
        path = videos.file(clip.video)
        video, captions, times, size = _opened(path, transcript, clip, font)
        lacking = captions.lacking()
        if lacking:
            some = lacking[:10]
            yield (
                f"{len(lacking)} different characters are not in the font, such as {some!r}: give "
                "one that has them with --font"
            )
        sound, silent = _sound(path, clip)
        if silent:
            yield f"no sound: {silent}"
    except (VideoError, RefusedVideoError) as error:
        raise LiveccError(f"{clip.video}: cannot be played: {error}") from None
    try:
        with (
            atomic_path(output) as temporary,
            av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as file,
        ):
            _write(file, video, captions, times, size, clip, sound)
    except VideoError as error:
        raise LiveccError(f"{clip.video}: cannot be played: {error}") from None
    except av.FFmpegError as error:
        raise LiveccError(f"{output}: cannot be written ({error.strerror})") from None


def _opened(
    path: Path, transcript: Transcript, clip: Clip, font: Path | None
) -> tuple[Any, Captions, np.ndarray, tuple[int, int]]:
    """(the video in the size of the picture, its captions, start of each frame, that size).

    The size is (height, width) in pixels.
    """
    import numpy as np

    first = open_video(path, threads=1)
    height, width = first.read([0]).shape[1:3]
    scale = min(1.0, _MOST_HEIGHT / height, _MOST_WIDTH / width)
    size = (max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2))
    video = open_video(path, threads=1, size=size)
    times = np.maximum.accumulate(video.times()[:, 0])
    if not len(times) or clip.video_start > video.times()[-1, 1]:
        raise VideoError(
            f"it ends at {video.times()[-1, 1]:.2f} s, and the clip begins at "
            f"{clip.video_start:.2f} s"
        )
    letters = max(16, size[0] // 18)
    captions = Captions(transcript, clip, max(size[1], _LEAST_WIDTH), letters, font)
    return video, captions, times, size


def _sound(path: Path, clip: Clip) -> tuple[np.ndarray | None, str | None]:
    """(the samples of the clip, float32 [n]; why there are none)."""
    import numpy as np

    span = (round(clip.video_start * SOUND_RATE), round(clip.video_end * SOUND_RATE))
    try:
        (samples,) = read_audio_spans(path, [span], SOUND_RATE)
    except AudioError as error:
        return None, str(error)
    whole = np.zeros(max(span[1] - span[0], 0), np.float32)
    whole[: len(samples)] = samples[: len(whole)]
    return whole, None


def _write(
    file: Any,
    video: Any,
    captions: Captions,
    times: np.ndarray,
    size: tuple[int, int],
    clip: Clip,
    sound: np.ndarray | None,
) -> None:
    import av
    import numpy as np

    options = {"crf": "23", "preset": "veryfast"}
    picture: Any = file.add_stream("libx264", rate=RATE, options=options)
    picture.pix_fmt = "yuv420p"
    picture.width, picture.height = captions.width, size[0] + captions.height
    audio: Any = None
    if sound is not None:
        audio = file.add_stream("aac", rate=SOUND_RATE)
        audio.layout = "mono"
    count = max(1, round((clip.video_end - clip.video_start) * RATE))
    moments = clip.video_start + np.arange(count) / RATE
    # A microsecond, because the times of frames are rounded.
    shown = np.maximum(np.searchsorted(times, moments + 1e-6, "right") - 1, 0)
    written = 0
    for begin in range(0, count, _BATCH):
        some = shown[begin : begin + _BATCH]
        numbers, places = np.unique(some, return_inverse=True)
        pixels = video.read(numbers)
        for place, moment in zip(places.tolist(), moments[begin : begin + _BATCH], strict=True):
            whole = _joined(pixels[place], captions, float(moment))
            file.mux(picture.encode(av.VideoFrame.from_image(whole)))
        if audio is not None and sound is not None:
            until = round((begin + len(some)) * SOUND_RATE / RATE)
            written = _add_sound(file, audio, sound, written, until)
    if audio is not None and sound is not None:
        _add_sound(file, audio, sound, written, len(sound) + _BLOCK)
        file.mux(audio.encode())
    file.mux(picture.encode())


def _joined(pixels: np.ndarray, captions: Captions, moment: float) -> Any:
    """A frame with the band of words below it."""
    from PIL import Image

    height, width = pixels.shape[:2]
    whole = Image.new("RGB", (captions.width, height + captions.height))
    whole.paste(Image.fromarray(pixels), ((captions.width - width) // 2, 0))
    whole.paste(captions.band(moment, f"{moment:.1f} s"), (0, height))
    return whole


def _add_sound(file: Any, audio: Any, sound: np.ndarray, first: int, until: int) -> int:
    """Add whole blocks of samples up to `until`; returns where the next one begins."""
    import av
    import numpy as np

    while first + _BLOCK <= until and first < len(sound):
        block = sound[first : first + _BLOCK]
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block[None]), format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
        file.mux(audio.encode(frame))
        first += len(block)
    return first
