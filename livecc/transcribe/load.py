"""From the name of an engine and its options to a transcriber."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.transcribe.faster_whisper import FasterWhisper
from livecc.transcribe.options import MODES, FasterWhisperOptions, options_of
from livecc.transcribe.transcriber import DecodeOptions, Transcriber
from livecc.transcribe.whisperx import WhisperX


def load(
    engine: str,
    *,
    model_dir: Path,
    align_model: Path | None = None,
    device: str = "cpu",
    mode: str = "default",
    options: Mapping[str, Any] | None = None,
    decode: DecodeOptions | None = None,
    threads: int = 1,
) -> Transcriber:
    """Load an engine's model from the folder `model_dir` onto `device` ("cpu", "cuda").

    `align_model` is the folder of WhisperX's alignment model, None for its own choice by language.
    `options` are those of `livecc.transcribe.options`, `threads` the CPU threads of a model on the
    CPU. Raises LiveccError when an option, a model, a package or the device is not right.
    """
    if mode not in MODES:
        raise LiveccError(f"mode {mode!r}: must be one of {', '.join(MODES)}")
    chosen = options_of(engine, options or {})
    decode = decode or DecodeOptions()
    if isinstance(chosen, FasterWhisperOptions):
        return FasterWhisper(model_dir, chosen, decode, device=device, mode=mode, threads=threads)
    return WhisperX(
        model_dir, align_model, chosen, decode, device=device, mode=mode, threads=threads
    )
