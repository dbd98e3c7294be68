"""The declaration of score_talking_head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    Engine,
    GatedOptions,
    Model,
    Resources,
    ScoreStage,
    Speed,
)
from livecc.faces.weights import DETECTOR_MODELS, Detector
from livecc.sections import DType, Fraction, ModelName, Positive, Seconds, Text, option
from livecc.stages.prompt_fields import field_problems
from livecc.thresholds.kinds import Band, Rule

#: Verbatim from LiveCC.
QUESTION = (
    "Here are {frames} evenly sampled frames from a YouTube video. Are there someone always"
    " showing their faces and talking? Answer Yes or No."
)


class Options(GatedOptions):
    engine: Annotated[
        Text,
        option(
            "face_presence: fraction of frames with a face (CPU); qwen2_vl: P(answer) of a "
            "vision-language model (as in the paper).",
            "number",
        ),
    ] = "face_presence"
    frames: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=256)],
        option("Number of frames, sampled evenly from the whole video.", "number"),
    ] = 8
    detector: Annotated[Detector, option("Face detector.", "number", engine="face_presence")] = (
        "centerface"
    )
    min_score: Annotated[
        Fraction, option("Minimum face score.", "number", engine="face_presence")
    ] = 0.5
    min_face: Annotated[
        Fraction,
        option(
            "Minimum face height, as a fraction of the frame height.",
            "number",
            engine="face_presence",
        ),
    ] = 0.08
    model: Annotated[
        ModelName, option("qwen2_vl: a name in models.yaml, a folder, or a Hub repository.")
    ] = "qwen2-vl-2b-instruct"
    question: Annotated[Text, option("Question about the frames.", "number", engine="qwen2_vl")] = (
        QUESTION
    )
    answer: Annotated[
        Text, option("Answer whose probability is the score.", "number", engine="qwen2_vl")
    ] = "Yes"
    dtype: Annotated[
        DType,
        option(
            "Number format; auto: bfloat16 on CUDA, float32 on the CPU.",
            "number",
            engine="qwen2_vl",
        ),
    ] = "auto"
    videos_per_batch: Annotated[Positive, option("qwen2_vl: videos per batch.", "pace")] = 64
    decode_timeout_seconds: Annotated[
        Seconds, option("Time limit in seconds for decoding a video.", "pace")
    ] = 60


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    if section["engine"] == "qwen2_vl":
        return {"": Model(section["model"], "model")}
    if section["engine"] == "face_presence":
        return {"": Model(DETECTOR_MODELS[section["detector"]])}
    return {}


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    return field_problems(f"{STAGE.name}.question", config[STAGE.name]["question"], ("frames",))


_ROOM = "livecc.stages.score_talking_head"

STAGE = ScoreStage(
    name="score_talking_head",
    version="1",
    says="Scoring talking heads",
    kind="vlm",
    options=Options,
    packages=(
        "av",
        "decord2",
        "pillow",
        "tokenizers",
        "torch",
        "transformers",
        "onnxruntime",
        "onnxruntime-gpu",
    ),
    resources=Resources(gpu=1, mem_mb=16000, runtime=120, threads=4),
    problems=problems,
    engines={
        # Detectors keep up with decoding on the CPU, and onnxruntime is rarely a CUDA build.
        "face_presence": Engine(
            f"{_ROOM}.face_presence:FacePresence",
            on_gpu="asked",
            # Files of 5 minutes in 720p, of which reading takes most.
            speeds=(Speed(1.4, 2.3, "item", "cpu", CPU_OF_FIGURES),),
        ),
        "qwen2_vl": Engine(
            f"{_ROOM}.qwen2_vl:Qwen2VL",
            on_gpu="yes",
            # The model takes 49 or more; four cores read 5.7 such files.
            speeds=(
                Speed(
                    5.7,
                    49,
                    "item",
                    "cuda",
                    GPU_OF_FIGURES,
                    model="qwen2-vl-2b-instruct",
                    load=5,
                ),
            ),
        ),
    },
    on_gpu=None,
    needs=frozenset({"clips", "videos", "mode"}),
    item="video",
    roles=("",),
    models=models,
    prepare=f"{_ROOM}.shard:prepare",
    columns={"talking_head": "float64", "frames": "int32"},
    rules=(Rule("talking_head", Band, ("talking_head",), "talking head"),),
    joins=(),
)
