"""Resizing of sampled frames in the decoding processes.

The resampling filter is Pillow's bicubic, which widens its support when shrinking and so equals the
"antialiased" bicubic of torchvision. (The plain bicubic of many decoders does not.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Squash:
    """Resize to exactly `height` x `width` pixels, whatever the aspect ratio."""

    height: int
    width: int

    def target(self, height: int, width: int) -> tuple[int, int]:  # noqa: ARG002
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class PixelBudget:
    """Resize to about `pixels` pixels at the same aspect ratio, with sides divisible by `multiple`.

    The area never exceeds `pixels`, except that no side is shorter than `multiple`. Small frames
    are enlarged, so the cost for a vision model is the same for every video.
    """

    pixels: int
    multiple: int

    def target(self, height: int, width: int) -> tuple[int, int]:
        scale = math.sqrt(self.pixels / (height * width))
        # A side that would round down to 0 gets one multiple; the other side then shrinks to stay
        # within the budget.
        short, long = sorted((height, width))
        new_short = max(self.multiple, self._down(short * scale))
        new_long = min(self._down(long * scale), self._down(self.pixels / new_short))
        new_long = max(self.multiple, new_long)
        return (new_short, new_long) if height <= width else (new_long, new_short)

    def _down(self, side: float) -> int:
        # The small term prevents 11 multiples from becoming 10 by rounding of the square root.
        return math.floor(side / self.multiple + 1e-9) * self.multiple


@dataclass(frozen=True, slots=True)
class LongestSide:
    """Shrink so that the longer side is at most `pixels`, at the same aspect ratio.

    Smaller frames are unchanged.
    """

    pixels: int

    def target(self, height: int, width: int) -> tuple[int, int]:
        scale = min(1.0, self.pixels / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


@dataclass(frozen=True, slots=True)
class Steps:
    """Several resizes in sequence; each step rounds pixel values to integers."""

    steps: tuple[Squash | PixelBudget | LongestSide, ...]


Resize = Squash | PixelBudget | LongestSide | Steps


def resize_frames(frames: np.ndarray, resize: Resize | None) -> np.ndarray:
    """Resize uint8 RGB frames [n, H, W, 3] to [n, h, w, 3].

    Frames of the target size are returned unchanged, without a copy.
    """
    import numpy as np
    from PIL import Image

    if resize is None:
        return frames
    if isinstance(resize, Steps):
        for step in resize.steps:
            frames = resize_frames(frames, step)
        return frames
    height, width = resize.target(frames.shape[1], frames.shape[2])
    if (height, width) == frames.shape[1:3]:
        return frames
    resized = np.empty((len(frames), height, width, 3), np.uint8)
    for source, result in zip(frames, resized, strict=True):
        image = Image.fromarray(source).resize((width, height), Image.Resampling.BICUBIC)
        result[:] = np.asarray(image)
    return resized
