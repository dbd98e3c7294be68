"""Shared by the detectors: the interface, padding, batches and suppression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from livecc.errors import LiveccError
from livecc.faces.boxes import suppress

if TYPE_CHECKING:
    import numpy as np

# Every detector here has feature maps down to a 32nd of the input.
STRIDE = 32


class FaceDetector(ABC):
    """Finds the faces in frames. `score_threshold` is the minimum score of a face, in [0, 1]."""

    file_name: ClassVar[str]
    #: Number of graph outputs in use, from the first.
    outputs: ClassVar[int]
    default_score_threshold: ClassVar[float]
    nms_threshold: ClassVar[float]
    # See livecc.faces.boxes.iou.
    border: float = 0.0

    def __init__(self, session: Any, score_threshold: float | None = None) -> None:
        self._session = session
        self._input = session.get_inputs()[0].name
        if score_threshold is None:
            score_threshold = self.default_score_threshold
        self.score_threshold = score_threshold

    def detect(self, frames: np.ndarray, batch_size: int = 16) -> list[np.ndarray]:
        """The faces of each frame, best first: float32 [k, 5] of (x1, y1, x2, y2, score).

        `frames`: uint8 RGB [n, height, width, 3]; `batch_size` of them are run at a time. Boxes are
        in pixels of the frames and may reach beyond their edges.
        """
        import numpy as np

        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise LiveccError(
                f"frames must be uint8 [n, height, width, 3], not {frames.dtype} {frames.shape}"
            )
        faces = []
        for start in range(0, len(frames), batch_size):
            batch = frames[start : start + batch_size]
            outputs = self._session.run(None, {self._input: self._prepare(_padded(batch))})
            faces.extend(self._faces(len(batch), self._candidates(outputs, _padded_size(batch))))
        return faces

    @abstractmethod
    def _prepare(self, frames: np.ndarray) -> np.ndarray:
        """The network's input, float32 [n, 3, H, W], for padded uint8 RGB frames [n, H, W, 3]."""

    @abstractmethod
    def _candidates(
        self, outputs: list[np.ndarray], size: tuple[int, int]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Decode the outputs for frames of `size` (H, W), feature map by feature map.

        Yields (frame, boxes, scores) of the candidates at or above the score threshold: int [m],
        float32 [m, 4] and float32 [m].
        """

    def _faces(
        self, n_frames: int, candidates: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> list[np.ndarray]:
        import numpy as np

        frame, boxes, scores = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
        faces = []
        for k in range(n_frames):
            own = np.flatnonzero(frame == k)
            kept = own[suppress(boxes[own], scores[own], self.nms_threshold, self.border)]
            faces.append(np.column_stack([boxes[kept], scores[kept]]).astype(np.float32))
        return faces


def _padded_size(frames: np.ndarray) -> tuple[int, int]:
    height, width = frames.shape[1:3]
    return -(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE


def _padded(frames: np.ndarray) -> np.ndarray:
    """The frames with black added at the right and the bottom, up to multiples of STRIDE."""
    import numpy as np

    height, width = _padded_size(frames)
    if (height, width) == frames.shape[1:3]:
        return frames
    padded = np.zeros((len(frames), height, width, 3), np.uint8)
    padded[:, : frames.shape[1], : frames.shape[2]] = frames
    return padded
