"""The times of a video's frames as the trainer's reader has them, read in worker processes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livecc.formats.video_paths import VideoFolder
from livecc.media.frames import VideoError, decord_errors, first_line
from livecc.media.trainer_view import FloatArray, open_as_trainer
from livecc.trainer.reader import UnreadableSampleError, sampling

#: Frames decoded at once when all of a clip are tried; the reader takes all of them at once.
_BATCH = 16
#: What FFmpeg takes for a network address.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

Window = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A video: `times` (frames,) as the reader has them, float32; `undecodable`: for each clip why
    its frames cannot be decoded, None if they can or were not tried.
    """

    times: FloatArray
    undecodable: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """A task for worker processes: opens the video of some clips as the trainer does.

    folder: where the trainer is started. prefix: what the samples have before each path and this
    machine does not. decode: whether to decode all frames of each clip, which takes long.

    Raises VideoError with the reason when the trainer cannot open the video, RefusedVideoError when
    it must not be opened here.
    """

    folder: VideoFolder
    prefix: str = ""
    decode: bool = False

    def __call__(self, clips: tuple[str, Sequence[Window]]) -> Opened:
        name, windows = clips
        # The trainer opens the path as it is written.
        address = _ADDRESS.match(name)
        if address:
            raise VideoError(
                f"the trainer takes {address[0]} at the beginning of its path for a network "
                "address; write ./ before it (video_prefix)"
            )
        path = self.folder.file(place_of(name, self.prefix))
        reader, times = open_as_trainer(path)
        undecodable: list[str | None] = []
        for window in windows:
            undecodable.append(_trial(reader, times, window) if self.decode else None)
            if undecodable[-1]:
                # A reader that has failed fails for frames that are good, too.
                reader, _ = open_as_trainer(path)
        return Opened(times, tuple(undecodable))


def place_of(name: str, prefix: str) -> str:
    """The path to open for a sample's video: as written, or without a prefix of other machines."""
    if prefix and name.startswith(prefix):
        return name[len(prefix) :].lstrip("/")
    return name


def _trial(reader: Any, times: FloatArray, window: Window) -> str | None:
    """Why the frames of a clip cannot be decoded; None if they can, or if there are none."""
    try:
        frames = sampling(times, *window).frames
    except UnreadableSampleError:
        return None
    try:
        for first in range(0, len(frames), _BATCH):
            reader.get_batch(frames[first : first + _BATCH].tolist())
    except decord_errors() as error:
        return f"decord cannot decode its frames ({first_line(error)})"
    return None
