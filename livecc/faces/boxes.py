"""Boxes as float32 arrays [k, 4] of (x1, y1, x2, y2) in pixels: overlap and suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def iou(boxes: np.ndarray, others: np.ndarray, border: float = 0.0) -> np.ndarray:
    """Intersection over union of every box with every other, float32 [len(boxes), len(others)].

    `border` is added to every width and height: 1 for detectors whose coordinates are those of the
    first and last pixel inside the box, 0 for continuous coordinates.
    """
    import numpy as np

    top_left = np.maximum(boxes[:, None, :2], others[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
    sides = np.maximum(bottom_right - top_left + border, 0.0)
    shared = sides[..., 0] * sides[..., 1]
    union = _areas(boxes, border)[:, None] + _areas(others, border)[None, :] - shared
    overlap: np.ndarray = shared / np.maximum(union, 1e-9)
    return overlap


def _areas(boxes: np.ndarray, border: float) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0] + border) * (boxes[:, 3] - boxes[:, 1] + border)
    return areas


def suppress(
    boxes: np.ndarray, scores: np.ndarray, threshold: float, border: float = 0.0
) -> np.ndarray:
    """Greedy non-maximum suppression; returns the indices of kept boxes, best score first.

    A box is dropped if its overlap with a better kept one is above `threshold`. On ties, the
    earlier box is kept.
    """
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    overlap = iou(boxes[order], boxes[order], border) > threshold
    alive = np.ones(len(order), bool)
    for k in range(len(order)):
        if alive[k]:
            alive[k + 1 :] &= ~overlap[k, k + 1 :]
    kept: np.ndarray = order[alive]
    return kept
