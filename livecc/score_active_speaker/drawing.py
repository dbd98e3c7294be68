"""Videos of what the scorer saw and heard, with the boxes of faces and their logits drawn in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from livecc.config import ACTIVE_SPEAKER_MODEL, DETECTOR_MODELS
from livecc.device import prepare_torch, resolve_device
from livecc.errors import LiveccError
from livecc.files import atomic_path, read_json, read_rows, shard_name
from livecc.models import read_receipt
from livecc.score_active_speaker.mfcc import RATE
from livecc.score_active_speaker.reading import SIZE
from livecc.score_active_speaker.scorer import (
    ActiveSpeakerScorer,
    Request,
    Result,
    speaking_frames,
)
from livecc.score_active_speaker.shard import STAGE, request_of
from livecc.score_active_speaker.speaker import Speaker
from livecc.score_active_speaker.windows import GRID_RATE
from livecc.score_tables import transcripts_with_clips

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from PIL.Image import Image

    from livecc.score_active_speaker.reading import Window

TRACK = "sft"
#: How much larger than the scorer's frames the video is, and the height of its caption.
SCALE = 3
CAPTION = 32
TEXT = 20
SPEAKS, SILENT, WHITE = (70, 220, 100), (240, 70, 60), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A clip's result and the video of it; None where there was nothing to look at."""

    result: Result
    path: Path | None


def draw_clips(
    results: Path, videos: Path, clips: Sequence[str], folder: Path, *, device: str, threads: int
) -> Iterator[Drawn]:
    """Write a video into `folder` of each of the clips with these ids; yields them one by one.

    `results` is what the workflow wrote, and tells the detector and the mode; nothing in it is
    changed. The clips are scored again for it. Raises LiveccError for an id that no clip has, and
    for weights that are missing.
    """
    found = _find(results, videos, clips)
    unknown = [clip for clip in clips if not any(clip in shard for shard in found.values())]
    if unknown:
        raise LiveccError(
            f"{results / TRACK / 'clips'}: no clip {unknown[0]!r}; an id is like talk.mp4#0-120, "
            "from the column `clip` of the tables there"
        )
    resolved = resolve_device(device)
    prepare_torch(resolved, threads)
    receipts = results / "models"
    speaker = Speaker.load(
        read_receipt(receipts / f"{ACTIVE_SPEAKER_MODEL}.json")[0], resolved, threads
    )
    folder.mkdir(parents=True, exist_ok=True)
    for shard, requests in found.items():
        details = read_json(results / TRACK / "stats" / STAGE / f"{shard}.json")["details"]
        detector = details["detector"]
        weights, _ = read_receipt(receipts / f"{DETECTOR_MODELS[detector]}.json")
        written: dict[str, Path] = {}

        def watch(
            request: Request,
            windows: list[Window],
            logits: list[list[np.ndarray]],
            written: dict[str, Path] = written,
        ) -> None:
            path = folder / f"{quote(request.id, safe=' #')}.mp4"
            write_video(path, request, windows, logits)
            written[request.id] = path

        scorer = ActiveSpeakerScorer(
            (detector, weights), speaker, mode=details["mode"], workers=threads, watch=watch
        )
        for some in scorer.score(requests.values()):
            for result in some:
                yield Drawn(result, written.get(result.id))


def _find(results: Path, videos: Path, clips: Sequence[str]) -> dict[str, dict[str, Request]]:
    """Shard -> id -> request of the clips."""
    wanted = set(clips)
    found = {}
    for table in sorted((results / TRACK / "clips").glob("*.parquet")):
        rows = [row for row in read_rows(table) if row["clip"] in wanted and row["status"] == "ok"]
        if rows:
            transcripts = results / TRACK / "transcripts" / f"{table.stem}.jsonl.zst"
            found[shard_name(transcripts)] = {
                clip.id: request_of(transcript, clip, videos)
                for transcript, group in transcripts_with_clips(transcripts, iter(rows))
                for clip in group
            }
    return found


def write_video(
    path: Path, request: Request, windows: list[Window], logits: list[list[np.ndarray]]
) -> None:
    """The windows of a clip, one after the other, with their sound, as an mp4.

    Boxes are green while the face is taken to speak (its logit, written above, is above 0), red
    otherwise. Raises LiveccError when the file cannot be written.
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
    """The pictures of a window. `start`: seconds of the video where the clip's grid begins."""
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
            # Inside the box where there is no room above it.
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
    """Text that can be read on any picture."""
    draw.text(place, text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _add_sound(file: Any, audio: Any, windows: list[Window]) -> None:
    """The sound of the windows, as long as their pictures."""
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
