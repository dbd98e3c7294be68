"""What jobs are expected to score whose inputs are not there yet, or are made again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from livecc.formats.layout import Layout
from livecc.planning.expected import TrackExpectations
from livecc.planning.input_amounts import TrackInput
from livecc.planning.jobs import job_spec
from livecc.planning.ranges import Range
from tests.planning.test_input_amounts import captioned, config_of, write
from tests.support.built_in import STAGES

LANGUAGE: Any = STAGES["identify_language"]
LOSS: Any = STAGES["score_lm_loss"]


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """Shard `old` was run before, with 4 clips, of which 2 were in the gate of the loss."""
    write(tmp_path / "old.jsonl", captioned(4))
    write(tmp_path / "new.jsonl", captioned(6))
    config = config_of(tmp_path, "pretrain")
    put_stats(config, "old", "clip_captions", clips=4, videos=4)
    put_stats(config, "old", "score_lm_loss", items=2)
    put_stats(config, "old", "identify_language", items=4)
    return config


def put_stats(config: dict[str, Any], shard: str, stage: str, **stats: int) -> None:
    path = Path(Layout.of(config).shard("pretrain", shard).stats(stage))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stats))


def expected(config: dict[str, Any], stage: Any, shard: str) -> Any:
    spec = job_spec(config, "pretrain", stage, shard)
    given = TrackInput(config, "pretrain")
    return TrackExpectations(config, "pretrain", given).of_job(spec, {str(spec.files["clips"])})


def test_appended_shard_goes_by_the_gates_of_the_others(config: dict[str, Any]) -> None:
    found = expected(config, LANGUAGE, "new")
    assert found.items == found.to_score.items == Range.of(6)
    assert found.to_score.words == Range.of(6 * 150)
    found = expected(config, LOSS, "new")
    assert found.items == found.to_score.items == Range.of(3)
    assert found.to_score.words == Range.of(3 * 150)


def test_gate_that_was_never_applied_lets_in_nothing_to_everything(config: dict[str, Any]) -> None:
    Path(Layout.of(config).shard("pretrain", "old").stats("score_lm_loss")).unlink()
    assert expected(config, LOSS, "new").items == Range(0, 6)
    config["score_lm_loss"]["gate"] = "none"
    assert expected(config, LOSS, "new").items == Range.of(6)


def test_shard_that_has_grown_scores_what_is_new(config: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "old.jsonl", captioned(7))
    found = expected(config, LANGUAGE, "old")
    assert found.items == Range.of(7)
    # If it was only cut anew, all of them are in the cache.
    assert found.to_score.items == Range(3, 7)


def test_unreadable_input_is_not_guessed(config: dict[str, Any], tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / f"{name}.jsonl").unlink()
        (tmp_path / f"{name}.jsonl.gz").write_bytes(b"this is not gzip")
    assert expected(config, LANGUAGE, "new") is None
