"""Engines of score_talking_head, with all that their own options can say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.media.pool import DecodeOptions
from livecc.stages.score_talking_head.face_presence import FacePresence, FacePresenceOptions
from livecc.stages.score_talking_head.qwen2_vl import Qwen2VL, Qwen2VLOptions
from livecc.stages.score_talking_head.scorer import TalkingHeadScorer


def load(
    engine: str,
    *,
    model_dir: Path,
    device: str = "cpu",
    mode: str = "default",
    options: Mapping[str, Any] | None = None,
    threads: int = 0,
) -> TalkingHeadScorer:
    """An engine by its name, with the model in a folder; `options` in place of its defaults."""
    given, decode = dict(options or {}), DecodeOptions()
    if engine == "face_presence":
        faces = FacePresenceOptions(**given)
        return FacePresence(model_dir, faces, decode, device=device, threads=threads)
    assert engine == "qwen2_vl"
    question = Qwen2VLOptions(**given)
    return Qwen2VL(model_dir, question, decode, device=device, mode=mode, threads=threads)
