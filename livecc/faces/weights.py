"""The face detectors by name, with their entries in models.yaml."""

from __future__ import annotations

from typing import Literal

Detector = Literal["scrfd", "yunet", "centerface"]
#: Detector -> its weights in models.yaml.
DETECTOR_MODELS: dict[str, str] = {
    "scrfd": "scrfd_500m",
    "yunet": "yunet",
    "centerface": "centerface",
}
DETECTORS = tuple(DETECTOR_MODELS)
