"""Faces cut out of frames, grey and of one size, as Light-ASD looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livecc.score_active_speaker.tracks import Track

if TYPE_CHECKING:
    import numpy as np

#: ITU-R BT.601 luma, as torchvision rounds it.
GREY = (0.2989, 0.5870, 0.1140)
#: Side of a crop, in pixels; Light-ASD's input.
SIDE = 112


def crop_faces(frames: np.ndarray, track: Track) -> np.ndarray:
    """The faces of a track: grey, 0 to 255, not rounded, float32 [n, SIDE, SIDE].

    `frames`: uint8 RGB [window, height, width, 3]. What of a box lies outside the frame is black.
    Resizing is bilinear, with the filter widened where a box is made smaller (Pillow's, which
    equals the "antialiased" one of torchvision).
    """
    import numpy as np
    from PIL import Image

    crops = np.empty((len(track.boxes), SIDE, SIDE), np.float32)
    for crop, box, frame in zip(crops, track.boxes, frames[track.first :], strict=False):
        part = Image.fromarray(grey_part(frame, box))
        crop[:] = np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return crops


def grey_part(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The grey values in a box, float32 [height, width], 0 outside the frame."""
    import numpy as np

    left, top, right, bottom = (int(side) for side in box)
    height, width = frame.shape[:2]
    part = np.zeros((bottom - top, right - left), np.float32)
    x1, x2 = max(left, 0), min(right, width)
    y1, y2 = max(top, 0), min(bottom, height)
    if x1 < x2 and y1 < y2:
        inside = frame[y1:y2, x1:x2].astype(np.float32) @ np.array(GREY, np.float32)
        part[y1 - top : y2 - top, x1 - left : x2 - left] = inside
    return part
