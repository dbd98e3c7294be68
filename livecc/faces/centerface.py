"""CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point").

An anchor-free detector with one feature map at stride 4: a heat map of face centres (a
probability), the logarithm of the box height and width in strides, and the offset (y, x) of the
centre within its cell in strides, counted from the cell's middle. Input RGB, 0 to 255.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from livecc.faces.detector import FaceDetector

if TYPE_CHECKING:
    import numpy as np

STRIDE = 4


class CenterFace(FaceDetector):
    file_name = "centerface.onnx"
    outputs = 3
    default_score_threshold = 0.5
    nms_threshold = 0.3

    def _prepare(self, frames: np.ndarray) -> np.ndarray:
        import numpy as np

        return frames.transpose(0, 3, 1, 2).astype(np.float32, order="C")

    def _candidates(
        self,
        outputs: list[np.ndarray],
        size: tuple[int, int],  # noqa: ARG002 - the heat map itself has the size
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        import numpy as np

        heat, scale, offset = outputs[0][:, 0], outputs[1], outputs[2]
        frame, row, column = np.nonzero(heat >= self.score_threshold)
        half = np.exp(scale[frame, :, row, column]) * (STRIDE / 2)
        corner = np.stack([row, column], axis=1)
        centre = (corner + offset[frame, :, row, column] + 0.5) * STRIDE
        # From (y, x) to (x, y).
        boxes = np.hstack([(centre - half)[:, ::-1], (centre + half)[:, ::-1]])
        yield frame, boxes.astype(np.float32), heat[frame, row, column]
