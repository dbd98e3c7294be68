"""The declaration of transcribe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    CachedStage,
    Engine,
    GatedOptions,
    Model,
    Resources,
    Speed,
)
from livecc.sections import (
    Fraction,
    LanguageCode,
    ModelName,
    NotNegative,
    Positive,
    Seconds,
    Text,
    option,
)

ComputeType = Literal[
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
]


class Options(GatedOptions):
    engine: Annotated[Text, option("Transcription engine.", "number")] = "faster_whisper"
    model: Annotated[ModelName, option("A Whisper model in CTranslate2 format.")] = (
        "whisper-large-v3-turbo"
    )
    beam_size: Annotated[Positive, option("Beam size of the search.", "number")] = 5
    language: Annotated[
        LanguageCode | None, option("Spoken language; null: detected for each video.", "number")
    ] = None
    max_seconds: Annotated[Seconds | None, option("Longer files fail.", "number")] = 7200
    compute_type: Annotated[
        ComputeType,
        option(
            "Number format of CTranslate2; auto: float16 on CUDA, int8 on the CPU.",
            "number",
            unsaid="auto",
        ),
    ] = "auto"
    vad_threshold: Annotated[
        Fraction,
        option("Audio with a higher detector score is speech.", "number", engine="faster_whisper"),
    ] = 0.5
    vad_min_silence_ms: Annotated[
        NotNegative,
        option(
            "Minimum length of a pause that is cut out (ms).", "number", engine="faster_whisper"
        ),
    ] = 160
    vad_pad_ms: Annotated[
        NotNegative,
        option("Part of a pause that is kept at each end (ms).", "number", engine="faster_whisper"),
    ] = 400
    vad_onset: Annotated[
        Annotated[float, msgspec.Meta(gt=0, lt=1)],
        option("Speech starts above this score.", "number", engine="whisperx"),
    ] = 0.5
    vad_offset: Annotated[
        Fraction, option("Speech ends below this score.", "number", engine="whisperx")
    ] = 0.363
    languages: Annotated[
        Annotated[list[LanguageCode], msgspec.Meta(min_length=1)] | None,
        option("Videos in other languages fail.", "number", flag="wanted"),
    ] = msgspec.field(default_factory=lambda: ["en"])
    align_model: Annotated[
        ModelName | None,
        option(
            "whisperx: a wav2vec2 model in transformers format for the spoken language; null: the "
            "WhisperX default for the language, which the jobs download."
        ),
    ] = "wav2vec2-base-960h"
    batch_size: Annotated[
        Positive | None,
        option("Number of 30 s windows per batch; null: chosen for the device.", "pace"),
    ] = None
    decode_timeout_seconds: Annotated[
        Seconds, option("Time limit in seconds for reading the audio of a file.", "pace")
    ] = 300


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    if section["engine"] not in STAGE.engines:
        # Engines of other packages provide their own models.
        return {}
    found = {"": Model(section["model"], "model", "speech recognition")}
    if section["engine"] == "whisperx" and section["align_model"] is not None:
        found["align"] = Model(section["align_model"], "align_model", "speech alignment")
    return found


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    section = config[STAGE.name]
    spoken, wanted = section["language"], section["languages"]
    if spoken is not None and wanted is not None and spoken not in wanted:
        yield f"{STAGE.name}.language: {spoken!r} is not in {STAGE.name}.languages {wanted}"


_ROOM = "livecc.stages.transcribe"

STAGE = CachedStage(
    name="transcribe",
    version="3",
    says="Transcribing",
    kind="asr",
    options=Options,
    packages=(
        "av",
        "ctranslate2",
        "faster-whisper",
        "torch",
        "whisperx",
        "onnxruntime",
        "onnxruntime-gpu",
    ),
    resources=Resources(gpu=1, mem_mb=16000, runtime=240, threads=4),
    problems=problems,
    engines={
        "faster_whisper": Engine(
            f"{_ROOM}.faster_whisper:FasterWhisper",
            on_gpu="yes",
            # On a GPU between one process that reads and none.
            speeds=(
                Speed(
                    190,
                    870,
                    "second",
                    "cuda",
                    GPU_OF_FIGURES,
                    model="whisper-large-v3-turbo",
                    load=5,
                ),
                Speed(20, 24, "second", "cpu", CPU_OF_FIGURES, model="whisper-tiny.en"),
            ),
        ),
        "whisperx": Engine(f"{_ROOM}.whisperx:WhisperX", on_gpu="yes", environment="whisperx"),
    },
    on_gpu=None,
    needs=frozenset({"records", "videos", "mode"}),
    item="video",
    roles=("", "align"),
    models=models,
    prepare=f"{_ROOM}.shard:prepare",
)
