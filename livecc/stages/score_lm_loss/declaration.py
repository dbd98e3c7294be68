"""The declaration of score_lm_loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    GatedOptions,
    Model,
    Resources,
    ScoreStage,
    Speed,
)
from livecc.sections import DType, ModelName, Positive, Section, Text, option
from livecc.stages.prompt_fields import field_problems
from livecc.thresholds.kinds import Band, Rule


class PromptTexts(Section):
    """Prompts for the model; the defaults are those of the paper."""

    system: Annotated[str, option("System prompt.")] = "You are a helpful assistant."
    with_context: Annotated[
        Text, option("User prompt with {title} and the preceding transcript, {context}.")
    ] = (
        "Video Title: {title}\n"
        "Previous transcription: {context}\n"
        "Please try to output the possible speech transcription of the video following previous "
        "transcription."
    )
    without_context: Annotated[Text, option("User prompt without preceding transcript.")] = (
        "Video Title: {title}\n"
        "Please try to output the possible speech transcription of the video from start to end."
    )


class Options(GatedOptions):
    model: Annotated[ModelName, option("A name in models.yaml, a folder, or a Hub repository.")] = (
        "qwen2-1.5b-instruct"
    )
    dtype: Annotated[
        DType, option("Number format; auto: bfloat16 on CUDA, float32 on the CPU.", "number")
    ] = "auto"
    max_context_tokens: Annotated[
        Annotated[int, msgspec.Meta(ge=16)] | None,
        option("Maximum prompt length in tokens; null: the limit of the model.", "number"),
    ] = None
    prompts: Annotated[
        PromptTexts, option("Prompts around a clip's text; default: those of the paper.", "number")
    ] = msgspec.field(default_factory=PromptTexts)
    tokens_per_batch: Annotated[
        Positive | None,
        option("Maximum tokens per forward pass; null: chosen for the device.", "pace"),
    ] = None


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    return {"": Model(section["model"], "model", "causal language model")}


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    prompts = config[STAGE.name]["prompts"]
    for name, known in (("with_context", ("title", "context")), ("without_context", ("title",))):
        yield from field_problems(f"{STAGE.name}.prompts.{name}", prompts[name], known)
    if "{context}" not in prompts["with_context"]:
        yield f"{STAGE.name}.prompts.with_context: {{context}} is missing: what was said before"


STAGE = ScoreStage(
    name="score_lm_loss",
    version="1",
    says="Scoring language-model loss",
    kind="lm",
    options=Options,
    packages=("tokenizers", "torch", "transformers"),
    resources=Resources(gpu=1, mem_mb=16000, runtime=120, threads=2),
    problems=problems,
    engines={},
    on_gpu="yes",
    needs=frozenset({"transcripts", "clips", "mode"}),
    item="clip",
    roles=("",),
    models=models,
    prepare="livecc.stages.score_lm_loss.shard:prepare",
    # More where the clips of a video share much of their context.
    speeds=(
        Speed(
            11_000,
            46_000,
            "word",
            "cuda",
            GPU_OF_FIGURES,
            model="qwen2-1.5b-instruct",
            load=4,
        ),
        Speed(
            90,
            310,
            "word",
            "cpu",
            CPU_OF_FIGURES,
            model="smollm2-135m-instruct",
            load=5,
        ),
    ),
    columns={
        "lm_loss": "float64",
        "tokens": "int32",
        "prompt_tokens": "int32",
        "dropped_context_words": "int32",
    },
    rules=(Rule("lm_loss", Band, ("lm_loss",), "language-model loss outside the band"),),
    joins=(),
)
