"""Pictures and small copies of clips for a page.

A strip is six frames of a clip beside each other, as WebP (6 to 12 kB). A proxy is the clip itself
with its sound in 144 lines (5 kB a second), as MP4. Both are made in worker processes with a time
limit, because files are anybody's; a file that cannot be read costs its own pictures only.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from livecc.media.clock import Clock, clock_of
from livecc.media.container import check_file
from livecc.media.frames import VideoError, main_stream, opened_video
from livecc.media.pool import Failure, work_ahead

STRIP_FRAMES = 6
_STRIP_HEIGHT = 90
_STRIP_WIDTH = 160
_STRIP_QUALITY = 45
_PROXY_HEIGHT = 144
_PROXY_WIDEST = 320
#: Frames a second of a proxy; the trainer takes two.
_PROXY_FPS = 8
_SOUND_RATE = 24_000
#: Frames decoded behind a key frame on the way to one of a strip; the last of them is taken.
_NEAR_FRAMES = 120
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a video file, from `start` to `end` seconds on the trainer's clock."""

    path: Path
    start: float
    end: float


def strips(
    spans: Iterable[tuple[int, Span]], workers: int
) -> Generator[tuple[int, bytes | Failure], None, None]:
    """(key, the strip of its span or why there is none), in order."""
    return work_ahead(
        strip, spans, workers=workers, timeout_seconds=_TIMEOUT_SECONDS, ahead=4 * workers
    )


def proxies(
    spans: Iterable[tuple[int, Span]], workers: int
) -> Generator[tuple[int, bytes | Failure], None, None]:
    """(key, the proxy of its span or why there is none), in order."""
    return work_ahead(
        proxy, spans, workers=workers, timeout_seconds=4 * _TIMEOUT_SECONDS, ahead=2 * workers
    )


def clock_offset(path: Path) -> float:
    """Where the trainer's clock begins in the file, in seconds as a browser counts them.

    Raises VideoError for a file that cannot be opened.
    """
    with opened_video(path) as container:
        clock = clock_of(container)
        return round(clock.picture - clock.file, 3)


def strip(span: Span) -> bytes:
    """Six frames of a span beside each other, as WebP. Raises VideoError if it has none."""
    from PIL import Image

    check_file(span.path, VideoError, "a video file")
    with opened_video(span.path) as container:
        stream = main_stream(container)
        stream.thread_type = "NONE"
        clock = clock_of(container)
        step = (span.end - span.start) / STRIP_FRAMES
        moments = [span.start + (n + 0.5) * step for n in range(STRIP_FRAMES)]
        pictures = [_picture(container, stream, clock, moment) for moment in moments]
    found = [picture for picture in pictures if picture is not None]
    if not found:
        raise VideoError("has no frames where the clip is")
    width = max(picture.width for picture in found)
    sheet = Image.new("RGB", (STRIP_FRAMES * width, _STRIP_HEIGHT))
    for place, picture in enumerate(pictures):
        if picture is not None:
            sheet.paste(picture, (place * width + (width - picture.width) // 2, 0))
    written = io.BytesIO()
    sheet.save(written, "WEBP", quality=_STRIP_QUALITY, method=4)
    return written.getvalue()


def _picture(container: Any, stream: Any, clock: Clock, moment: float) -> Any:
    """The frame that is shown at a moment, or one not long before it; None if there is none."""
    container.seek(int((moment + clock.picture) / stream.time_base), stream=stream)
    last = None
    for count, frame in enumerate(_frames(container, stream)):
        time = _time(frame, clock)
        if last is not None and time > moment:
            break
        last = frame
        if time >= moment or count >= _NEAR_FRAMES:
            break
    if last is None:
        return None
    height = _STRIP_HEIGHT
    picture = _upright(last)
    width = max(2, min(_STRIP_WIDTH, round(picture.width * height / picture.height)))
    return picture.resize((width, height))


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    from livecc.media.container import decoded

    return (frame for frame in decoded(container, stream) if frame.pts is not None)


def _time(frame: Any, clock: Clock) -> float:
    return float(frame.pts * frame.time_base) - clock.picture


def _upright(frame: Any) -> Any:
    """A frame as a picture (PIL), turned as its file says."""
    # Small before it becomes RGB: only what is shown is converted.
    scale = min(1.0, 2 * _STRIP_HEIGHT / min(frame.width, frame.height))
    size = (max(2, int(frame.width * scale)), max(2, int(frame.height * scale)))
    picture = frame.reformat(width=size[0], height=size[1], format="rgb24").to_image()
    turn = getattr(frame, "rotation", 0) % 360
    return picture.rotate(turn, expand=True) if turn else picture


def proxy(span: Span) -> bytes:
    """The span with its sound as a small MP4 (H.264, AAC). Raises VideoError without frames."""
    import av

    check_file(span.path, VideoError, "a video file")
    written = io.BytesIO()
    with opened_video(span.path) as container:
        picture = main_stream(container)
        sound = container.streams.best("audio")
        clock = clock_of(container)
        with av.open(written, "w", format="mp4") as made:
            film = _Film(made, span, with_sound=sound is not None)
            container.seek(int((span.start + clock.picture) / picture.time_base), stream=picture)
            streams = [picture] if sound is None else [picture, sound]
            ended = set()
            for packet in container.demux(streams):
                if packet.dts is None and packet.size == 0:
                    continue
                for frame in _safely(packet):
                    if frame.pts is None:
                        continue
                    time = _time(frame, clock)
                    if time > span.end:
                        ended.add(packet.stream.index)
                    elif packet.stream is picture:
                        film.add_picture(frame, time)
                    else:
                        film.add_sound(frame, time)
                if picture.index in ended and (sound is None or sound.index in ended):
                    break
                if picture.index in ended and film.behind(_time(packet, clock)):
                    break
            if not film.finish():
                raise VideoError("has no frames where the clip is")
    return written.getvalue()


def _safely(packet: Any) -> list[Any]:
    import av

    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []


class _Film:
    """The file that is being made of a span."""

    def __init__(self, made: Any, span: Span, *, with_sound: bool) -> None:
        self._made, self._span = made, span
        self._picture: Any = None
        self._next = 0
        self._first: Any = None
        self._sound: Any = None
        self._resampler: Any = None
        self._samples: int | None = None
        self._with_sound = with_sound

    def add_picture(self, frame: Any, time: float) -> None:
        """Take a frame, at `time`, if one is due."""
        if time < self._span.start:
            # What is shown at the start may begin before it.
            self._first = frame
            return
        if self._first is not None and time > self._span.start:
            first, self._first = self._first, None
            self._write(first, 0)
        self._write(frame, int((time - self._span.start) * _PROXY_FPS))

    def _write(self, frame: Any, number: int) -> None:
        import av

        if self._picture is None:
            self._open(frame)
        elif number < self._next:
            return
        turn = getattr(frame, "rotation", 0) % 360
        if turn:
            frame = av.VideoFrame.from_image(frame.to_image().rotate(turn, expand=True))
        small = frame.reformat(
            width=self._picture.width, height=self._picture.height, format="yuv420p"
        )
        small.pts, small.time_base = number, Fraction(1, _PROXY_FPS)
        small.pict_type = 0
        self._made.mux(self._picture.encode(small))
        self._next = number + 1

    def _open(self, frame: Any) -> None:
        """Make the tracks: their sizes are known with the first frame."""
        import av

        sides = (frame.width, frame.height)
        if getattr(frame, "rotation", 0) % 180:
            sides = sides[::-1]
        width = min(_PROXY_WIDEST, max(2, round(sides[0] * _PROXY_HEIGHT / sides[1] / 2) * 2))
        options = {"preset": "veryfast", "crf": "34", "tune": "fastdecode"}
        self._picture = self._made.add_stream("libx264", rate=_PROXY_FPS, options=options)
        self._picture.width, self._picture.height = width, _PROXY_HEIGHT
        self._picture.pix_fmt = "yuv420p"
        self._picture.codec_context.gop_size = 4 * _PROXY_FPS
        self._picture.codec_context.thread_count = 1
        if self._with_sound:
            self._sound = self._made.add_stream("aac", rate=_SOUND_RATE, layout="mono")
            self._sound.bit_rate = 24_000
            self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=_SOUND_RATE)

    def add_sound(self, frame: Any, time: float) -> None:
        """Take a piece of sound that begins at `time`."""
        if time < self._span.start - 0.02 or self._resampler is None:
            return
        place = max(0, round((time - self._span.start) * _SOUND_RATE))
        if self._samples is None or abs(place - self._samples) > _SOUND_RATE // 10:
            self._samples = max(place, self._samples or 0)
        frame.pts = None
        self._write_sound(self._resampler.resample(frame))

    def _write_sound(self, frames: Any) -> None:
        assert self._sound is not None
        for piece in frames:
            piece.pts, piece.time_base = self._samples, Fraction(1, _SOUND_RATE)
            self._samples += piece.samples
            self._made.mux(self._sound.encode(piece))

    def behind(self, time: float) -> bool:
        """Whether a packet is so far behind the end that nothing of the span follows it."""
        return time > self._span.end + 2.0

    def finish(self) -> bool:
        """Write what is left; whether there was a picture."""
        if self._picture is None:
            if self._first is None:
                return False
            self._write(self._first, 0)
        self._made.mux(self._picture.encode(None))
        if self._sound is not None:
            self._made.mux(self._sound.encode(None))
        return True
