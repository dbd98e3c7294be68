"""Face crops from frames, grey and of one size, as the input of Light-ASD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livecc.stages.score_active_speaker.tracks import Track

if TYPE_CHECKING:
    import numpy as np

#: ITU-R BT.601 luma, as torchvision rounds it.
GREY = (0.2989, 0.5870, 0.1140)
#: Side of a crop in pixels, as Light-ASD requires.
SIDE = 112


def cut_faces(frames: Sequence[np.ndarray], track: Track) -> list[np.ndarray]:
    """The content of a track's boxes: uint8 RGB [height, width, 3] each, black outside the frame.

    `frames`: uint8 RGB [height, width, 3] each, those of the track's window.
    """
    import numpy as np

    parts = []
    for frame, box in zip(frames[track.first :], track.boxes.tolist(), strict=False):
        left, top, right, bottom = box
        height, width = frame.shape[:2]
        part = np.zeros((bottom - top, right - left, 3), np.uint8)
        x1, x2 = max(left, 0), min(right, width)
        y1, y2 = max(top, 0), min(bottom, height)
        if x1 < x2 and y1 < y2:
            part[y1 - top : y2 - top, x1 - left : x2 - left] = frame[y1:y2, x1:x2]
        parts.append(part)
    return parts


def crop_faces(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Faces as input of the network: grey, 0 to 255, not rounded, float32 [n, SIDE, SIDE].

    Resizing is bilinear, with a wider filter when shrinking (Pillow's, which equals torchvision's
    "antialiased" one).
    """
    import numpy as np
    from PIL import Image

    weights = np.array(GREY, np.float32)
    crops = np.empty((len(parts), SIDE, SIDE), np.float32)
    for crop, part in zip(crops, parts, strict=True):
        grey = Image.fromarray(part.astype(np.float32) @ weights)
        crop[:] = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return crops
