"""Face detectors with a common interface: SCRFD, YuNet and CenterFace, run with onnxruntime."""
