"""Tracking of faces through the consecutive frames of a window, by overlap only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from livecc.faces.boxes import iou

if TYPE_CHECKING:
    import numpy as np

#: A box continues a track if it overlaps the track's last box by more than this.
LEAST_OVERLAP = 0.7
#: Tracks of fewer frames are dropped.
LEAST_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Track:
    """A face in the frames [first, first + len(boxes)) of a window.

    `boxes`: int64 [n, 4] of (left, top, right, bottom) in pixels; may exceed the frame's edges.
    """

    first: int
    boxes: np.ndarray


def whole_boxes(faces: np.ndarray) -> np.ndarray:
    """A detector's faces [k, 5] as int64 [k, 4], rounded to whole pixels towards 0.

    Boxes without area are left out.
    """
    import numpy as np

    boxes = faces[:, :4].astype(np.int64)
    return boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])]


def follow(frames: Iterable[np.ndarray]) -> list[Track]:
    """The tracks through the boxes (int64 [k, 4]) of each frame, sorted by their start.

    A box joins the track whose box in the previous frame overlaps it most, if the overlap is above
    LEAST_OVERLAP; otherwise it starts a track. If several boxes would join a track, the one with
    the largest overlap does (the first of equals), and the others are dropped as duplicates of the
    same face. A track that no box joins has ended.
    """
    import numpy as np

    tracks: list[tuple[int, list[np.ndarray]]] = []
    live: list[int] = []
    for number, boxes in enumerate(frames):
        joined: dict[int, tuple[float, int]] = {}  # track -> (overlap, box)
        fresh: list[int] = []
        if len(boxes) and live:
            last = np.stack([tracks[track][1][-1] for track in live])
            overlaps = iou(last.astype(np.float32), boxes.astype(np.float32))
            for box, row in enumerate(overlaps.argmax(axis=0)):
                overlap, track = float(overlaps[row, box]), live[row]
                if overlap <= LEAST_OVERLAP:
                    fresh.append(box)
                elif track not in joined or overlap > joined[track][0]:
                    joined[track] = (overlap, box)
        else:
            fresh.extend(range(len(boxes)))
        for track, (_, box) in joined.items():
            tracks[track][1].append(boxes[box])
        live = list(joined)
        for box in fresh:
            live.append(len(tracks))
            tracks.append((number, [boxes[box]]))
    return [Track(first, np.stack(boxes)) for first, boxes in tracks if len(boxes) >= LEAST_FRAMES]
