"""Boxes around the faces of clips that play in a page, with the scores of who speaks.

They are in no table: score_active_speaker looks at the clips once more, with the same code at the
same frames (6 of each 30 seconds). Packed, a face takes about 1 kB a window: corners as 255ths of
the picture, scores as tenths, each as its difference to the frame before.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import orjson

from livecc.errors import LiveccError
from livecc.formats.layout import Layout
from livecc.report.run import ReportedTrack
from livecc.stages.score_active_speaker.again import SecondLook, requests_of
from livecc.stages.score_active_speaker.declaration import STAGE
from livecc.stages.score_active_speaker.reading import SIZE, expected_windows
from livecc.stages.score_active_speaker.scorer import Request
from livecc.stages.score_active_speaker.windows import GRID_RATE

if TYPE_CHECKING:
    import numpy as np

    from livecc.stages.score_active_speaker.reading import Window

#: What a window takes in a page, about: two faces.
_BYTES_PER_WINDOW = 3_000
#: Scores beyond, in tenths, are shown as this: 13 means one in 400,000.
_MOST_TENTHS = 127


def expected_bytes(seconds: float) -> int:
    """What the boxes of a clip take in a page, about."""
    return expected_windows(0.0, seconds) * _BYTES_PER_WINDOW


def has_boxes(track: ReportedTrack) -> bool:
    """Whether the clips of a track are scored for active speakers."""
    return any(stage.name == STAGE.name for stage in track.stages)


class BoxFinder:
    """Finds the boxes of clips of a track.

    Raises LiveccError, with one sentence, if it cannot: weights or packages are missing.
    """

    def __init__(self, layout: Layout, track: ReportedTrack, workers: int) -> None:
        self._layout, self._track = layout, track
        self._found: dict[str, bytes] = {}
        with _packages_needed():
            # A page is made on the processor: no job of it has asked for a GPU.
            self._look = SecondLook(
                layout, track.name, self._watch, device="cpu", threads=workers, with_frames=False
            )

    def find(self, clips: Mapping[str, Collection[str]]) -> Iterator[tuple[str, bytes]]:
        """(clip, its packed boxes, or packed why it has none), in any order.

        `clips`: ids, by the shard that they are in. Clips that could not be made have none.
        """
        requests = {
            shard: requests_of(self._layout, self._track.name, shard, ids, self._track.videos)
            for shard, ids in clips.items()
        }
        with _packages_needed():
            for result in self._look.score(requests):
                packed = self._found.pop(result.id, None)
                yield result.id, packed or pack_reason(result.reason or "the sound is silent")

    def _watch(
        self, request: Request, windows: list[Window], logits: list[list[np.ndarray]]
    ) -> None:
        self._found[request.id] = pack_boxes(request.start, windows, logits)


@contextmanager
def _packages_needed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise LiveccError(
            f"{error.name} is not installed where pages are made (envs/asd.txt has it)"
        ) from None


def pack_reason(reason: str) -> bytes:
    """What a page has of a clip without boxes."""
    return zlib.compress(orjson.dumps({"reason": reason}) + b"\n", 9)


def pack_boxes(
    start: float, windows: Sequence[Window], logits: Sequence[Sequence[np.ndarray]]
) -> bytes:
    """The boxes of a clip, in the form that `page/faces.js` unpacks.

    `start`: seconds of the first grid point on the trainer's clock. `logits`: for each window and
    track, the score of each frame: above 0, the face speaks. Boxes are cut at the picture's edges.

    Compressed by zlib: a line of JSON (`rate`: grid points a second; `windows` and `tracks`: [first
    grid point, how many] of each), then five planes of a byte for each box: left, top, right,
    bottom, score.
    """
    import numpy as np

    head = {
        "start": round(start, 3),
        "rate": GRID_RATE,
        "windows": [[window.first, window.points] for window in windows],
        "tracks": [
            [window.first + track.first, len(track.boxes)]
            for window in windows
            for track in window.tracks
        ],
    }
    boxes = [track.boxes for window in windows for track in window.tracks]
    scores = [own for window_logits in logits for own in window_logits]
    planes = np.zeros((5, sum(map(len, boxes))), np.uint8)
    if boxes:
        height, width = SIZE
        shares = np.concatenate(boxes) / np.array([width, height, width, height])
        planes[:4] = np.rint(shares.clip(0, 1) * 255).astype(np.uint8).T
        planes[4] = _tenths(np.concatenate(scores)) + 128
    steps = np.diff(planes, axis=1, prepend=np.zeros((5, 1), np.uint8))
    return zlib.compress(orjson.dumps(head) + b"\n" + steps.tobytes(), 9)


def _tenths(scores: np.ndarray) -> np.ndarray:
    """Scores as whole tenths; what is above 0 stays above it, and nothing else comes there."""
    import numpy as np

    tenths = np.rint(np.nan_to_num(scores) * 10).clip(-_MOST_TENTHS, _MOST_TENTHS)
    return np.where(scores > 0, tenths.clip(1), tenths.clip(None, 0)).astype(np.int16)
