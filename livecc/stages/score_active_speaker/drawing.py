"""Videos of the scorer's input, with face boxes and logits drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from livecc.errors import LiveccError
from livecc.files.atomic import atomic_path
from livecc.formats.layout import Layout
from livecc.stages.score_active_speaker.again import SecondLook, requests_of
from livecc.stages.score_active_speaker.mfcc import RATE
from livecc.stages.score_active_speaker.reading import SIZE
from livecc.stages.score_active_speaker.scorer import Request, Result, speaking_frames
from livecc.stages.score_active_speaker.windows import GRID_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from PIL.Image import Image

    from livecc.formats.video_paths import VideoFolder
    from livecc.stages.score_active_speaker.reading import Window

TRACK = "sft"
#: Scale of the video relative to the scorer's frames, and the height of its caption.
SCALE = 3
CAPTION = 32
TEXT = 20
SPEAKS, SILENT, WHITE = (70, 220, 100), (240, 70, 60), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A clip's result and its video; None if there was nothing to draw."""

    result: Result
    path: Path | None


def draw_clips(
    results: Path,
    videos: VideoFolder,
    clips: Sequence[str],
    folder: Path,
    *,
    device: str,
    threads: int,
) -> Iterator[Drawn]:
    """Write a video of each of the clips with these ids into `folder`; yields them one by one.

    `results` is the workflow's results folder; the detector and the mode are read from it, and
    nothing in it is changed. The clips are scored again. Raises LiveccError for an unknown clip id,
    a video that must not be opened, and missing weights.
    """
    layout = Layout(str(results))
    found = _find(layout, videos, clips)
    known = {request.id for requests in found.values() for request in requests}
    unknown = [clip for clip in clips if clip not in known]
    if unknown:
        raise LiveccError(
            f"{results / TRACK / 'clips'}: no clip {unknown[0]!r}; ids look like talk.mp4#0-120, "
            "see the column `clip` of the tables there"
        )
    written: dict[str, Path] = {}

    def watch(request: Request, windows: list[Window], logits: list[list[np.ndarray]]) -> None:
        path = folder / f"{quote(request.id, safe=' #')}.mp4"
        write_video(path, request, windows, logits)
        written[request.id] = path

    look = SecondLook(layout, TRACK, watch, device=device, threads=threads)
    folder.mkdir(parents=True, exist_ok=True)
    for result in look.score(found):
        yield Drawn(result, written.get(result.id))


def _find(layout: Layout, videos: VideoFolder, clips: Sequence[str]) -> dict[str, list[Request]]:
    """Shard -> requests of the clips."""
    found = {}
    for table in sorted(Path(layout.results).glob(Layout(".").shard(TRACK, "*").clips)):
        requests = requests_of(layout, TRACK, table.stem, set(clips), videos)
        if requests:
            found[table.stem] = requests
    return found


def write_video(
    path: Path, request: Request, windows: list[Window], logits: list[list[np.ndarray]]
) -> None:
    """Write the windows of a clip in sequence, with audio, as an mp4.

    A box is green while the face is classified as speaking (its logit, written above the box, is
    positive), red otherwise. Raises LiveccError when the file cannot be written.
    """
    import av

    try:
        with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as file:
            video: Any = file.add_stream("libx264", rate=GRID_RATE, options={"crf": "20"})
            video.pix_fmt = "yuv420p"
            video.width, video.height = SCALE * SIZE[1], SCALE * SIZE[0] + CAPTION
            audio: Any = file.add_stream("aac", rate=RATE)
            audio.layout = "mono"
            for k, (window, own) in enumerate(zip(windows, logits, strict=True)):
                title = f"window {k + 1} of {len(windows)}"
                for picture in draw_window(window, own, request.start, title):
                    file.mux(video.encode(av.VideoFrame.from_image(picture)))
            file.mux(video.encode())
            _add_sound(file, audio, windows)
    except av.FFmpegError as error:
        raise LiveccError(f"{path}: cannot be written ({error.strerror})") from None


def draw_window(
    window: Window, logits: list[np.ndarray], start: float, title: str
) -> Iterator[Image]:
    """The images of a window. `start`: time in the video (seconds) where the clip's grid begins."""
    from PIL import Image, ImageDraw, ImageFont

    assert window.frames is not None
    font = ImageFont.load_default(TEXT)
    speaking = speaking_frames(window, logits)
    height, width = window.frames.shape[1:3]
    for point, frame in enumerate(window.frames):
        picture = Image.new("RGB", (SCALE * width, SCALE * height + CAPTION))
        picture.paste(Image.fromarray(frame).resize((SCALE * width, SCALE * height)))
        draw = ImageDraw.Draw(picture)
        for track, own in zip(window.tracks, logits, strict=True):
            place = point - track.first
            if not 0 <= place < len(own):
                continue
            left, top, right, bottom = (SCALE * int(side) for side in track.boxes[place])
            colour = SPEAKS if own[place] > 0 else SILENT
            draw.rectangle((left, top, right, bottom), outline=colour, width=3)
            # Inside the box if there is no room above it.
            above = top - TEXT - 4 if top > TEXT + 4 else top + 4
            _write(draw, (left + 4, above), f"{own[place]:+.1f}", colour, font)
        now = start + (window.first + point) / GRID_RATE
        said = "somebody seen speaks" if speaking[point] else "nobody seen speaks"
        share = f"{speaking[: point + 1].mean():.2f} so far"
        _write(
            draw,
            (8, SCALE * height + 4),
            f"{now:.2f} s   {title}   {said}   {share}",
            SPEAKS if speaking[point] else WHITE,
            font,
        )
        yield picture


def _write(draw: Any, place: tuple[int, int], text: str, colour: Any, font: Any) -> None:
    """Write text that is readable on any background."""
    draw.text(place, text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _add_sound(file: Any, audio: Any, windows: list[Window]) -> None:
    """Add the audio of the windows, as long as their images."""
    import av
    import numpy as np

    pieces = []
    for window in windows:
        assert window.samples is not None
        whole = np.zeros(window.points * RATE // GRID_RATE, np.float32)
        whole[: len(window.samples)] = window.samples[: len(whole)]
        pieces.append(whole)
    samples = np.concatenate(pieces)
    for first in range(0, len(samples), 1024):
        piece = np.ascontiguousarray(samples[None, first : first + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
        file.mux(audio.encode(frame))
    file.mux(audio.encode())
