"""Engines of transcribe, with all that their own options can say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.media.pool import DecodeOptions
from livecc.stages.transcribe.faster_whisper import FasterWhisper
from livecc.stages.transcribe.options import FasterWhisperOptions, WhisperXOptions
from livecc.stages.transcribe.transcriber import Transcriber
from livecc.stages.transcribe.whisperx import WhisperX


def load(
    engine: str,
    *,
    model_dir: Path,
    align_model: Path | None = None,
    mode: str = "default",
    options: Mapping[str, Any] | None = None,
    decode: DecodeOptions | None = None,
    threads: int = 1,
) -> Transcriber:
    """An engine by its name, on the CPU, with the model in a folder; `options` in place of its
    defaults.
    """
    given, decode = dict(options or {}), decode or DecodeOptions()
    how: dict[str, Any] = {"device": "cpu", "mode": mode, "threads": threads}
    if engine == "faster_whisper":
        return FasterWhisper(model_dir, FasterWhisperOptions(**given), decode, **how)
    assert engine == "whisperx"
    return WhisperX(model_dir, align_model, WhisperXOptions(**given), decode, **how)
