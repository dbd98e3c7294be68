"""Where a plan's speeds are from: earlier jobs, or the machine of the benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.declaration import CachedStage
from livecc.planning import speeds
from livecc.planning.ranges import Range
from livecc.planning.speeds import Amount, pace_of
from livecc.scores.cache import ScoreCache
from tests.support.built_in import CATALOGUE, STAGES


@pytest.fixture
def config() -> dict[str, Any]:
    return configuration.complete(configuration.read_yaml(configuration.DEFAULTS_FILE))


def pace(config: dict[str, Any], name: str, device: str, cache: Path = Path("none")) -> Any:
    stage: Any = STAGES[name]
    return pace_of(config, stage, cache, device, None)


def test_speed_of_the_stated_model_on_the_stated_kind_of_device(config: dict[str, Any]) -> None:
    found = pace(config, "score_lm_loss", "cuda")
    [stated] = [one for one in STAGES["score_lm_loss"].speeds if one.device == "cuda"]  # type: ignore[attr-defined]
    assert found.per_second == Range(stated.least, stated.most) * speeds.OTHER_MACHINE
    assert (found.unit, found.measured) == ("word", False)
    assert "qwen2-1.5b-instruct on one NVIDIA H200" in found.source


def test_other_models_are_slower_by_their_size(config: dict[str, Any], tmp_path: Path) -> None:
    small = pace(config, "score_lm_loss", "cuda").per_second
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "weights").open("wb") as weights:
        weights.truncate(31_000_000_000)
    config["score_lm_loss"]["model"] = str(folder)
    large = pace(config, "score_lm_loss", "cuda").per_second
    assert large.high == pytest.approx(small.high / 10 * speeds.OTHER_MODEL.high)
    config["score_lm_loss"]["model"] = "somebody/something"
    unknown = pace(config, "score_lm_loss", "cuda").per_second
    assert unknown.low < small.low / 10


def test_a_cpu_is_slower_than_a_stated_gpu(config: dict[str, Any]) -> None:
    config["identify_language"]["engine"] = "xlm_roberta"
    gpu, cpu = (pace(config, "identify_language", device) for device in ("cuda", "cpu"))
    assert cpu.per_second.high < gpu.per_second.low


def test_earlier_jobs_count_more_than_what_is_stated(
    config: dict[str, Any], tmp_path: Path
) -> None:
    for stage in ("score_lm_loss", "probe_videos"):
        with ScoreCache(tmp_path, stage, "f", "pretrain.a") as cache:
            cache.append([("key", {"status": "ok", "reason": None})])
            figures = {"scored": 50, "failed": 0, "seconds": 10.0, "load_seconds": 2.0}
            cache.record_job(**figures, device="cuda")
    found = pace(config, "probe_videos", "cuda", tmp_path)
    assert (found.per_second, found.load, found.measured) == (Range(5, 5), 2.0, True)
    # Another model may have made these, so that they are no more than a hint.
    found = pace(config, "score_lm_loss", "cuda", tmp_path)
    assert found.per_second == Range(5, 5) * speeds.OTHER_SETTINGS
    stage: Any = STAGES["score_lm_loss"]
    found = pace_of(config, stage, tmp_path, "cuda", "f")
    assert found is not None
    assert found.per_second == Range(5, 5)


def test_every_engine_of_the_workflow_has_a_speed_but_one() -> None:
    """WhisperX was never measured."""
    without = [
        f"{stage.name}.{name}"
        for stage in CATALOGUE.cached_stages
        for name, engine in stage.engines.items()
        if not engine.speeds
    ]
    assert without == ["transcribe.whisperx"]
    single = [stage for stage in CATALOGUE.cached_stages if not stage.engines]
    assert all(isinstance(stage, CachedStage) and stage.speeds for stage in single)


def test_seconds_of_an_amount(config: dict[str, Any]) -> None:
    found = pace(config, "score_lm_loss", "cuda")
    amount = Amount(Range(0, 10), Range(0, 1500), Range(0, 600))
    assert found.seconds(amount, Range(0, 1)) == Range(0, 1500 / found.per_second.low + found.load)
    doubled = amount.of_items(Range(20, 20))
    assert doubled.words == Range(0, 6000)
