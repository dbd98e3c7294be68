"""The declaration of identify_language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from livecc.declaration import (
    CPU_OF_FIGURES,
    GPU_OF_FIGURES,
    ByMode,
    Engine,
    Model,
    Resources,
    ScoreStage,
    Speed,
    SwitchedOptions,
    no_problems,
)
from livecc.sections import ModelName, Positive, Text, option
from livecc.thresholds.kinds import Language, Rule


class Options(SwitchedOptions):
    engine: Annotated[
        Text,
        option("langid (CPU) or xlm_roberta (as in the paper).", "number", separate=True),
    ] = "langid"
    model: Annotated[
        ModelName, option("xlm_roberta: a name in models.yaml, a folder, or a Hub repository.")
    ] = "xlm-roberta-language-detection"
    tokens_per_batch: Annotated[
        Positive | None,
        option("xlm_roberta: maximum tokens per batch; null: chosen for the device.", "pace"),
    ] = None


def models(section: Mapping[str, Any]) -> dict[str, Model]:
    if section["engine"] != "xlm_roberta":
        return {}
    return {"": Model(section["model"], "model", "language identification")}


_ROOM = "livecc.stages.identify_language"

STAGE = ScoreStage(
    name="identify_language",
    version=ByMode(default="2", paper="1"),
    says="Identifying languages",
    kind="lm",
    options=Options,
    packages=("langid", "scipy", "tokenizers", "torch", "transformers"),
    resources=Resources(gpu=1, mem_mb=2000, runtime=30, threads=1),
    problems=no_problems,
    engines={
        "langid": Engine(
            f"{_ROOM}.langid_model:LangidIdentifier",
            on_gpu="no",
            # By pieces in default mode, whole in paper mode.
            speeds=(Speed(570_000, 7_800_000, "word", "cpu", CPU_OF_FIGURES),),
        ),
        "xlm_roberta": Engine(
            f"{_ROOM}.xlm_roberta:XlmRobertaIdentifier",
            on_gpu="yes",
            # 625 texts of 343 tokens.
            speeds=(
                Speed(
                    150_000,
                    165_000,
                    "word",
                    "cuda",
                    GPU_OF_FIGURES,
                    model="xlm-roberta-language-detection",
                ),
            ),
        ),
    },
    on_gpu=None,
    needs=frozenset({"transcripts", "clips"}),
    item="clip",
    roles=("",),
    models=models,
    prepare=f"{_ROOM}.shard:prepare",
    columns={"language": "string", "language_confidence": "float64"},
    rules=(Rule("language", Language, ("language", "language_confidence"), "other language"),),
    joins=(),
)
