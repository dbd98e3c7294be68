"""The declaration of score_active_speaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    GatedOptions,
    Model,
    Resources,
    ScoreStage,
    Speed,
    no_problems,
)
from livecc.faces.weights import DETECTOR_MODELS, Detector
from livecc.sections import Seconds, option
from livecc.thresholds.kinds import Band, Rule

#: The only network of this stage.
LIGHT_ASD = "light_asd"


class Options(GatedOptions):
    detector: Annotated[
        Detector,
        option("Face detector: scrfd (as in the paper), yunet or centerface.", "number"),
    ] = "scrfd"
    decode_timeout_seconds: Annotated[
        Seconds,
        option("Time limit in seconds for reading the required parts of a video.", "pace"),
    ] = 300


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    return {
        "": Model(LIGHT_ASD, optional=True),
        "detector": Model(DETECTOR_MODELS[section["detector"]], optional=True),
    }


STAGE = ScoreStage(
    name="score_active_speaker",
    version="3",
    says="Scoring active speakers",
    kind="asd",
    options=Options,
    packages=(
        "av",
        "decord2",
        "pillow",
        "python-speech-features",
        "scipy",
        "torch",
        "onnxruntime",
        "onnxruntime-gpu",
    ),
    resources=Resources(gpu=1, mem_mb=16000, runtime=240, threads=4),
    problems=no_problems,
    engines={},
    on_gpu="yes",
    needs=frozenset({"transcripts", "clips", "videos", "mode"}),
    item="clip",
    roles=("", "detector"),
    models=models,
    prepare="livecc.stages.score_active_speaker.shard:prepare",
    # It looks at 6 of 30 seconds of a clip. Detection stays on the CPU, where it takes half.
    speeds=(
        Speed(30, 35, "second", "cpu", CPU_OF_FIGURES, model=LIGHT_ASD),
        Speed(60, 180, "second", "cuda", GPU_OF_FIGURES, model=LIGHT_ASD),
    ),
    columns={
        "active_speaker": "float64",
        "tracks": "int32",
        "frames": "int32",
        "seconds": "float64",
    },
    rules=(Rule("active_speaker", Band, ("active_speaker",), "speaker on the screen"),),
    joins=(),
)
