"""What can be set of an engine, and which of it changes a transcription."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from livecc.errors import LiveccError

#: Options that decide how much is done at a time, not what comes out.
_BATCHING = frozenset({"batch_size"})


@dataclass(frozen=True, slots=True)
class FasterWhisperOptions:
    """faster-whisper: the recogniser and its Silero voice activity detector.

    `language` None: identified per video. Speech is what the detector gives more than
    `vad_threshold`; pauses of `vad_min_silence_ms` end a stretch of it, which is widened by
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

    Speech begins where the detector gives more than `vad_onset` and ends below `vad_offset`.
    """

    compute_type: str = "int8"
    beam_size: int = 5
    language: str | None = None
    languages: tuple[str, ...] | None = None
    max_seconds: float | None = None
    vad_onset: float = 0.5
    vad_offset: float = 0.363
    batch_size: int = 8


_OPTIONS: dict[str, type[FasterWhisperOptions] | type[WhisperXOptions]] = {
    "faster_whisper": FasterWhisperOptions,
    "whisperx": WhisperXOptions,
}
ENGINES = tuple(_OPTIONS)
MODES = ("paper", "default")


def options_of(engine: str, values: Mapping[str, Any]) -> FasterWhisperOptions | WhisperXOptions:
    """The options of `engine`, with `values` in place of the defaults.

    Raises LiveccError for an unknown engine or option.
    """
    if engine not in _OPTIONS:
        raise LiveccError(f"transcription engine {engine!r}: must be one of {', '.join(ENGINES)}")
    kind = _OPTIONS[engine]
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            raise LiveccError(
                f"transcription engine {engine}: no option {name!r}; it has {', '.join(known)}"
            )
    return kind(**values)


def fingerprint_options(options: FasterWhisperOptions | WhisperXOptions) -> dict[str, Any]:
    """The options that change a transcription, by name."""
    return {name: value for name, value in asdict(options).items() if name not in _BATCHING}
