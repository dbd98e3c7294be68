"""Face detectors behind one interface: SCRFD, YuNet and CenterFace, run with onnxruntime."""

from livecc.faces.detector import DETECTORS, FaceDetector, load_detector

__all__ = ["DETECTORS", "FaceDetector", "load_detector"]
