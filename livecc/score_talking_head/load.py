"""From the name of an engine and its options to a scorer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.score_talking_head.face_presence import FacePresence, FacePresenceOptions
from livecc.score_talking_head.qwen2_vl import Qwen2VL, Qwen2VLOptions
from livecc.score_talking_head.scorer import DecodeOptions, TalkingHeadScorer

ENGINES = ("face_presence", "qwen2_vl")
MODES = ("paper", "default")

# Options that decide how much is scored at a time, not what the score is.
_BATCHING = frozenset({"batch_size", "max_tokens"})

_OPTIONS: dict[str, type[FacePresenceOptions] | type[Qwen2VLOptions]] = {
    "face_presence": FacePresenceOptions,
    "qwen2_vl": Qwen2VLOptions,
}


def options_of(
    engine: str, values: Mapping[str, Any] | None = None
) -> FacePresenceOptions | Qwen2VLOptions:
    """The options of `engine`, with `values` in place of the defaults; no model is touched.

    Raises LiveccError for an unknown engine, an unknown option or a value out of range.
    """
    if engine not in _OPTIONS:
        raise LiveccError(f"talking-head engine {engine!r}: must be one of {', '.join(ENGINES)}")
    kind = _OPTIONS[engine]
    known = [field.name for field in fields(kind)]
    for name in values or {}:
        if name not in known:
            raise LiveccError(
                f"talking-head engine {engine}: no option {name!r}; it has {', '.join(known)}"
            )
    return kind(**(values or {}))


def fingerprint_options(options: FacePresenceOptions | Qwen2VLOptions) -> dict[str, Any]:
    """The options that change a score, by name: what a score has to be stored under."""
    return {name: value for name, value in asdict(options).items() if name not in _BATCHING}


def load(
    engine: str,
    *,
    model_dir: Path | str,
    device: str = "cpu",
    mode: str = "default",
    options: Mapping[str, Any] | None = None,
    decode: DecodeOptions | None = None,
    threads: int = 0,
) -> TalkingHeadScorer:
    """Load an engine's model from the folder `model_dir` onto `device` ("cpu", "cuda", "cuda:1").

    `mode` is "paper" or "default", `options` are those of `options_of`, `decode` says how videos
    are read and `threads` how many CPU threads a model on the CPU uses (0: all). Raises LiveccError
    when an option, the model or the device is not right.
    """
    if mode not in MODES:
        raise LiveccError(f"mode {mode!r}: must be one of {', '.join(MODES)}")
    chosen = options_of(engine, options)
    decode = decode or DecodeOptions()
    if isinstance(chosen, FacePresenceOptions):
        return FacePresence(model_dir, chosen, decode, device=device, threads=threads)
    return Qwen2VL(model_dir, chosen, decode, device=device, mode=mode, threads=threads)
