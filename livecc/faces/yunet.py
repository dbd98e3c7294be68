"""YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023).

An anchor-free detector: every cell at strides 8, 16 and 32 has a class and an objectness
probability, the offset of the box centre from the cell's corner in strides, and the logarithm of
the box sides in strides. Score: class times objectness, as in training (OpenCV's wrapper takes the
square root of it, so its threshold 0.7 is 0.49 here). Input BGR, 0 to 255.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from livecc.faces.detector import FaceDetector
from livecc.faces.grid import cells

if TYPE_CHECKING:
    import numpy as np

STRIDES = (8, 16, 32)


class YuNet(FaceDetector):
    file_name = "yunet_n_dynamic.onnx"
    outputs = 9
    default_score_threshold = 0.5
    nms_threshold = 0.3

    def _prepare(self, frames: np.ndarray) -> np.ndarray:
        import numpy as np

        return frames[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32, order="C")

    def _candidates(
        self, outputs: list[np.ndarray], size: tuple[int, int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        import numpy as np

        for level, stride in enumerate(STRIDES):
            score = outputs[level][..., 0] * outputs[3 + level][..., 0]
            frame, cell = np.nonzero(score >= self.score_threshold)
            box = outputs[6 + level][frame, cell]
            centre = np.stack(cells(size, stride, cell), axis=1) + box[:, :2] * stride
            half = np.exp(box[:, 2:]) * (stride / 2)
            yield frame, np.hstack([centre - half, centre + half]), score[frame, cell]
