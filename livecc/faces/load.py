"""A face detector by its name."""

from __future__ import annotations

from pathlib import Path

from livecc.errors import LiveccError
from livecc.faces.centerface import CenterFace
from livecc.faces.detector import FaceDetector
from livecc.faces.scrfd import Scrfd
from livecc.faces.session import open_session
from livecc.faces.weights import DETECTORS
from livecc.faces.yunet import YuNet


def load_detector(
    name: str,
    model_dir: Path | str,
    threads: int = 0,
    *,
    device: str = "cpu",
    score_threshold: float | None = None,
) -> FaceDetector:
    """The detector called `name` (one of DETECTORS), its weights taken from `model_dir`.

    `model_dir` is the folder with the detector's .onnx file (under its known name if there are
    several), or that file itself. `threads`: CPU threads, 0 for all. `score_threshold` overrides
    the detector's default. Raises LiveccError for an unknown name and for missing or broken
    weights.
    """
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
        # Releases have sizes or dates in the file name: a single file is the detector.
        path = graphs[0] if len(graphs) == 1 else named
    if not path.is_file():
        raise LiveccError(f"{path}: the weights of the face detector {name} are missing")
    return kind(open_session(path, threads, device, kind.outputs), score_threshold)
