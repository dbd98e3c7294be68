"""The options of the engines, and which of them change a transcription."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

#: Options that set how much is processed at a time and do not change the result.
_BATCHING = frozenset({"batch_size"})
#: Default number format and windows per batch.
COMPUTE_TYPES = {"cuda": "float16", "cpu": "int8"}
BATCH_SIZES = {"cuda": 16, "cpu": 8}

Options = TypeVar("Options", "FasterWhisperOptions", "WhisperXOptions")


@dataclass(frozen=True, slots=True)
class FasterWhisperOptions:
    """faster-whisper: the recogniser and its Silero voice activity detector.

    `language` None: identified per video. Speech is where the detector's probability exceeds
    `vad_threshold`. A pause of `vad_min_silence_ms` ends a speech region, which is padded by
    `vad_pad_ms` at both ends. Files longer than `max_seconds` fail (None: no limit).
    """

    compute_type: str = "int8"
    beam_size: int = 5
    language: str | None = None
    languages: tuple[str, ...] | None = None
    max_seconds: float | None = None
    vad_threshold: float = 0.5
    vad_min_silence_ms: int = 160
    vad_pad_ms: int = 400
    batch_size: int = 8


@dataclass(frozen=True, slots=True)
class WhisperXOptions:
    """WhisperX: the same recogniser, pyannote's voice activity detector and forced alignment.

    Speech begins where the detector's probability rises above `vad_onset` and ends where it falls
    below `vad_offset`.
    """

    compute_type: str = "int8"
    beam_size: int = 5
    language: str | None = None
    languages: tuple[str, ...] | None = None
    max_seconds: float | None = None
    vad_onset: float = 0.5
    vad_offset: float = 0.363
    batch_size: int = 8


def chosen_options(kind: type[Options], options: Mapping[str, Any], device: str) -> Options:
    """The options of an engine on a device, from those of the stage's section."""
    names = {field.name for field in fields(kind)}
    given = {name: value for name, value in options.items() if name in names and value is not None}
    languages = options["wanted"]
    compute_type = options["compute_type"]
    return kind(
        **{
            **given,
            "languages": None if languages is None else tuple(languages),
            "compute_type": COMPUTE_TYPES[device] if compute_type == "auto" else compute_type,
            "batch_size": options["batch_size"] or BATCH_SIZES[device],
        }
    )


def fingerprint_options(options: FasterWhisperOptions | WhisperXOptions) -> dict[str, Any]:
    """The options that change a transcription, by name."""
    return {name: value for name, value in asdict(options).items() if name not in _BATCHING}
