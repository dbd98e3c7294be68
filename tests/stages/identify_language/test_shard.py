"""What mode and engine change in the score cache, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from livecc.files.atomic import write_json
from livecc.files.parquet import read_rows
from livecc.scores.job import ScoreJob, run_job
from livecc.stages.identify_language.declaration import STAGE
from livecc.stages.identify_language.shard import prepare
from livecc.stages.job_spec import JobSpec
from tests.stages.make_prompts.prompt_shards import Shard

SPOKEN = "we add the two numbers of this table and look at the graph of the sum "
TEXTS = [
    SPOKEN.strip(),
    (SPOKEN * 9).strip().upper(),
    (SPOKEN * 3 + "nous allons voir " * 15).strip(),
]


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    return Shard(tmp_path / "shard", TEXTS)


def job(shard: Shard, mode: str, engine: str, model: Path | None = None) -> ScoreJob[str]:
    words = [
        *("--track=sft", "--shard=one", "--mode", mode, "--engine", engine, "--device=cpu"),
        *(f"--transcripts={shard.transcripts}", f"--clips={shard.clips}"),
        *("--cache", str(shard.folder / "cache"), f"--output={shard.output}"),
        *("--stats", str(shard.stats_file)),
    ]
    if model is not None:
        receipt = shard.folder / "receipt.json"
        write_json(receipt, {"model": "m", "folder": str(model), "digest": "d"})
        words.append(f"--receipt={receipt}")
    return prepare(JobSpec.parse(STAGE, words))


def rows(shard: Shard, mode: str, engine: str = "langid") -> list[tuple[str, float]]:
    run_job(job(shard, mode, engine))
    answers: list[dict[str, Any]] = read_rows(shard.output)
    return [(row["language"], row["language_confidence"]) for row in answers]


def test_default_mode_counts_pieces_of_small_letters(shard: Shard) -> None:
    plain, capitals, mixed = rows(shard, "default")
    assert plain == capitals == ("en", 1.0)
    assert mixed[0] in ("en", "fr")
    assert 0.3 < mixed[1] < 0.8


def test_paper_mode_asks_langid_for_whole_texts(shard: Shard) -> None:
    plain, capitals, mixed = rows(shard, "paper")
    assert plain[0] == "en"
    assert capitals[0] != "en"
    assert mixed[1] > 0.9


def test_only_scores_that_changed_are_orphaned(shard: Shard, tmp_path: Path) -> None:
    langid = {mode: job(shard, mode, "langid") for mode in ("paper", "default")}
    assert langid["paper"].settings["version"] == "1"
    assert langid["default"].settings["version"] == "2"
    xlm = {mode: job(shard, mode, "xlm_roberta", tmp_path) for mode in ("paper", "default")}
    assert xlm["paper"].fingerprint == xlm["default"].fingerprint
    assert xlm["paper"].settings["version"] == "1"
    keys = {mode: [item.key for item in one.items()] for mode, one in xlm.items()}
    same = [a == b for a, b in zip(keys["paper"], keys["default"], strict=True)]
    assert same == [True, False, True]


def test_the_mode_reaches_a_job_and_only_its_version_is_recorded(shard: Shard) -> None:
    spec = job(shard, "paper", "langid").spec
    assert JobSpec.parse(STAGE, [*spec.arguments(), "--output=o", "--stats=s"]).mode == "paper"
    assert STAGE.version_in("paper") != STAGE.version_in("default")
