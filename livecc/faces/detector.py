"""What the detectors share: the interface, loading by name, padding, batches and suppression."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from livecc.errors import LiveccError
from livecc.faces.boxes import suppress
from livecc.faces.session import open_session

if TYPE_CHECKING:
    import numpy as np

# Every detector here has feature maps down to a 32nd of the input.
STRIDE = 32
DETECTORS = ("scrfd", "yunet", "centerface")


def load_detector(
    name: str,
    model_dir: Path | str,
    threads: int = 0,
    *,
    device: str = "cpu",
    score_threshold: float | None = None,
) -> FaceDetector:
    """The detector called `name` (one of DETECTORS), its weights taken from `model_dir`.

    `model_dir` is the folder that holds the detector's .onnx file (under its known name when there
    are several), or that file itself. `threads`
    of the CPU, 0 for all. `score_threshold` replaces the detector's default. Raises LiveccError for
    an unknown name, and for weights that are missing or broken.
    """
    from livecc.faces.centerface import CenterFace
    from livecc.faces.scrfd import Scrfd
    from livecc.faces.yunet import YuNet

    classes: dict[str, type[FaceDetector]] = {
        "scrfd": Scrfd,
        "yunet": YuNet,
        "centerface": CenterFace,
    }
    if name not in classes:
        raise LiveccError(f"face detector {name!r}: must be one of {', '.join(DETECTORS)}")
    kind = classes[name]
    path = Path(model_dir)
    if path.is_dir():
        graphs = list(path.glob("*.onnx"))
        named = path / kind.file_name
        # Releases name their file by size or date: the only one there is the detector.
        path = graphs[0] if len(graphs) == 1 else named
    if not path.is_file():
        raise LiveccError(f"{path}: the weights of the face detector {name} are not there")
    return kind(open_session(path, threads, device, kind.outputs), score_threshold)


class FaceDetector(ABC):
    """Finds the faces in frames. `score_threshold` is the least score of a face, in [0, 1]."""

    file_name: ClassVar[str]
    #: How many of the graph's outputs are used: the first.
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
        """Decode the outputs for frames of `size` (H, W), one feature map after the other.

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
