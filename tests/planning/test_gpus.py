"""Which jobs ask for GPUs, and what they are told about them."""

from __future__ import annotations

from typing import Any

import pytest

from livecc import configuration
from livecc.planning import jobs
from tests.support.built_in import STAGES, TRACK_STAGES


def job_arguments(config: dict[str, Any], name: str) -> list[str]:
    stage: Any = STAGES[name]
    track = next(track for track, stages in TRACK_STAGES.items() if stage in stages)
    return jobs.job_spec(config, track, stage, "a").arguments()


@pytest.mark.parametrize(
    ("stage", "engine", "device", "gpus", "told"),
    [
        ("score_lm_loss", None, "auto", 1, "auto"),
        ("score_lm_loss", None, "cpu", 0, "cpu"),
        ("identify_language", "langid", "auto", 0, "cpu"),
        ("identify_language", "xlm_roberta", "auto", 1, "auto"),
        ("score_talking_head", "face_presence", "auto", 0, "cpu"),
        ("score_talking_head", "face_presence", "cuda", 1, "cuda"),
        ("score_talking_head", "qwen2_vl", "auto", 1, "auto"),
        ("make_prompts", "openai", "auto", 0, "cpu"),
        ("make_prompts", "template", "cuda", 0, "cuda"),
        ("make_prompts", "transformers", "auto", 1, "auto"),
    ],
)
def test_gpus_go_with_the_engine(
    stage: str, engine: str | None, device: str, gpus: int, told: str
) -> None:
    config: dict[str, Any] = configuration.complete(
        configuration.read_yaml(configuration.DEFAULTS_FILE)
    )
    config["device"] = device
    if engine:
        config[stage]["engine"] = engine
    assert jobs.gpus(config, STAGES[stage]) == gpus
    arguments = job_arguments(config, stage)
    assert arguments[arguments.index("--device") + 1] == told
    assert arguments[arguments.index("--gpus") + 1] == str(gpus)


def test_stage_without_a_gpu_runs_on_the_cpu() -> None:
    """On a cluster it may see a GPU that is another job's."""
    config: dict[str, Any] = configuration.complete(
        configuration.read_yaml(configuration.DEFAULTS_FILE)
    )
    config["resources"]["score_lm_loss"]["gpu"] = 0
    assert jobs.gpus(config, STAGES["score_lm_loss"]) == 0
    arguments = job_arguments(config, "score_lm_loss")
    assert arguments[arguments.index("--device") + 1] == "cpu"


def test_rules_without_a_model_need_none() -> None:
    config: dict[str, Any] = configuration.complete(
        configuration.read_yaml(configuration.DEFAULTS_FILE)
    )
    assert [jobs.gpus(config, STAGES[stage]) for stage in ("clip_captions", "merge_samples")] == [
        0,
        0,
    ]
