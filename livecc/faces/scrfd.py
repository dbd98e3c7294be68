"""SCRFD (Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021).

An anchor-based single-stage detector: at strides 8, 16 and 32 every cell has two anchors, each with
a score (a probability) and the distances from the cell's corner to the four sides of the box, in
units of the stride. Input RGB, (x - 127.5) / 128. LiveCC uses the 500-MFLOP model of InsightFace
with score threshold 0.5 and suppression at 0.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from livecc.faces.detector import FaceDetector
from livecc.faces.grid import cells

if TYPE_CHECKING:
    import numpy as np

STRIDES = (8, 16, 32)
ANCHORS = 2


class Scrfd(FaceDetector):
    file_name = "det_500m.onnx"
    outputs = 6
    default_score_threshold = 0.5
    nms_threshold = 0.4
    # InsightFace's suppression counts the last pixel as inside the box.
    border = 1.0

    def _prepare(self, frames: np.ndarray) -> np.ndarray:
        import numpy as np

        x = frames.transpose(0, 3, 1, 2).astype(np.float32, order="C")
        x -= 127.5
        x /= 128.0
        return x

    def _candidates(
        self, outputs: list[np.ndarray], size: tuple[int, int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        import numpy as np

        for stride, score, distance in zip(STRIDES, outputs[:3], outputs[3:6], strict=True):
            n_cells = (size[0] // stride) * (size[1] // stride)
            score = _by_frame(score, n_cells)[..., 0]
            distance = _by_frame(distance, n_cells)
            frame, anchor = np.nonzero(score >= self.score_threshold)
            x, y = cells(size, stride, anchor // ANCHORS)
            left, top, right, bottom = (distance[frame, anchor] * stride).T
            boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=1)
            yield frame, boxes, score[frame, anchor]


def _by_frame(output: np.ndarray, n_cells: int) -> np.ndarray:
    """An output as [frames, n_cells * ANCHORS, values].

    Graphs exported for one frame, as InsightFace releases them, flatten (row, column, frame,
    anchor) into the first axis instead.
    """
    if output.ndim == 3:
        return output
    values = output.shape[1]
    cells_first = output.reshape(n_cells, -1, ANCHORS, values)
    return cells_first.transpose(1, 0, 2, 3).reshape(-1, n_cells * ANCHORS, values)
