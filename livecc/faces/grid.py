"""Positions of a detector's feature map cells in its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def cells(size: tuple[int, int], stride: int, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y in pixels, float32, of the upper left corner of each `cell`, numbered by rows.

    `size` (height, width) of the input must be divisible by `stride`.
    """
    import numpy as np

    row, column = np.divmod(cell, size[1] // stride)
    return (column * stride).astype(np.float32), (row * stride).astype(np.float32)
