"""`livecc cache`: what it shows, and what it removes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.maintenance.archive import export_cache
from livecc.maintenance.prune import Used, left_behind, removable, remove, used_by
from livecc.planning.jobs import receipts
from livecc.planning.work import fingerprints
from livecc.scores.cache import ScoreCache
from livecc.scores.job import StageStats
from tests.support.built_in import STAGES
from tests.support.cache_makers import LOSS_NEW, LOSS_OLD, PROMPTS, contents, make_cache
from tests.support.places import LIVECC, REPOSITORY

USED = Used({"score_lm_loss": {LOSS_NEW, "9" * 16}, "make_prompts": {PROMPTS}})
NONE_USED = Used({})
LOSS: Any = STAGES["score_lm_loss"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return make_cache(tmp_path / "cache")


def run(*arguments: object) -> tuple[int, str]:
    result = subprocess.run(
        [*LIVECC, "cache", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout + result.stderr


def removable_names(cache: Path, *arguments: object) -> list[str]:
    return [one.folder.fingerprint for one in removable(cache, *arguments)]  # type: ignore[arg-type]


def test_show(tmp_path: Path, cache: Path) -> None:
    results = tmp_path / "results"
    for shard, found in (("a", 7), ("b", 0)):
        stats = StageStats("score_lm_loss", "pretrain", shard, items=10, found=found)
        stats.fingerprint = LOSS_OLD
        stats.scored, stats.failed = 10 - found, 2
        write_json(results / "pretrain" / "stats" / "score_lm_loss" / f"{shard}.json", vars(stats))
        write_json(results / "pretrain" / "stats" / "clip_captions" / f"{shard}.json", {"lines": 1})
    status, output = run("show", cache, "--results", results)
    assert status == 0
    rows = [line.split() for line in output.splitlines()]
    today = time.strftime("%Y-%m-%d")
    lines = [row for row in rows if row[:2] == ["score_lm_loss", LOSS_OLD]]
    assert lines[0][2:5] == ["40", "8", "2"]
    assert lines[0][-1] == today
    assert next(row for row in rows if row[:2] == ["make_prompts", PROMPTS])[2:5] == ["4", "1", "1"]
    assert f"{cache}: 84 items, " in output
    assert f"score_lm_loss {LOSS_OLD}: version 1, model one, prompts.system Be brief." in output
    assert ["pretrain", "score_lm_loss", "20", "7", "13", "0", "4", "35.0", "%"] in rows


def test_limits_of_an_import_are_options(tmp_path: Path, cache: Path) -> None:
    archive = tmp_path / "scores.tar.zst"
    big = cache / "make_prompts" / PROMPTS / "sft.big.0.jsonl"
    big.write_text('{"software":{}}\n' * 10**5)
    export_cache(cache, archive)
    status, output = run("import", tmp_path / "new", archive, "--max-total-mb", 1)
    assert status == 1
    assert "more than the 1,000,000 that are allowed; --max-total-mb allows more" in output
    assert run("import", tmp_path / "new", archive, "--max-total-mb", 2)[0] == 0


def test_show_of_a_new_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    assert run("show", tmp_path / "cache") == (0, f"{tmp_path / 'cache'}: no scores yet\n")


@pytest.mark.parametrize("command", [["show"], ["prune", "--older-than", "0", "--yes"]])
def test_other_folders_are_refused(tmp_path: Path, cache: Path, command: list[str]) -> None:
    for folder, why in (
        (
            tmp_path,
            "not a score cache, because it contains cache/make_prompts; .*did you mean .*/cache",
        ),
        (cache / "score_lm_loss", "not a score cache, because it contains 0000000000000000"),
        (tmp_path / "nowhere", "no such folder"),
    ):
        status, output = run(command[0], folder, *command[1:])
        assert status == 1
        assert re.search(why, output), output
        assert "Traceback" not in output
    assert len(contents(cache)) == 9


def test_results_without_stats_are_told(tmp_path: Path, cache: Path) -> None:
    status, output = run("show", cache, "--results", tmp_path)
    assert (status, "no stats of score stages" in output) == (1, True)


def test_prune_takes_what_no_configuration_uses(cache: Path) -> None:
    (one,) = removable(cache, USED)
    assert (one.folder.stage, one.folder.fingerprint) == ("score_lm_loss", LOSS_OLD)
    assert (one.segments, one.cost) == (2, 0.0)
    before = contents(cache)
    remove([one.folder])
    kept = {name: data for name, data in before.items() if LOSS_OLD not in name}
    assert contents(cache) == kept
    assert len(kept) == 6


def test_prune_of_a_whole_stage(cache: Path) -> None:
    found = removable(cache, Used({"score_lm_loss": {LOSS_NEW, LOSS_OLD}}))
    assert [(one.folder.stage, one.cost) for one in found] == [("make_prompts", 1.25)]
    remove([one.folder for one in found])
    assert [path.name for path in cache.iterdir()] == ["score_lm_loss"]


def test_prune_by_age(cache: Path) -> None:
    for path in (cache / "score_lm_loss" / LOSS_OLD).glob("*.jsonl"):
        name, token, suffix = path.name.rsplit(".", 2)
        token = f"{int(token[:11], 16) - 10 * 86_400_000:011x}{token[11:]}"
        path.rename(path.with_name(f"{name}.{token}.{suffix}"))
    assert removable_names(cache, None, 9) == [LOSS_OLD]
    assert removable_names(cache, None, 11) == []
    assert removable_names(cache, Used({"score_lm_loss": {LOSS_OLD}}), 9) == []
    assert removable_names(cache, NONE_USED, 0) == [PROMPTS, LOSS_OLD, LOSS_NEW]


def test_prune_only_lists_unless_told(cache: Path) -> None:
    before = contents(cache)
    status, output = run("prune", cache, "--older-than", 0)
    assert status == 0
    assert "3 cache folders" in output
    assert "add --yes to remove them" in output
    assert any(line.split()[-1:] == ["1.25"] for line in output.splitlines())
    assert contents(cache) == before
    status, output = run("prune", cache, "--older-than", 0, "--yes")
    assert (status, output.rstrip().endswith("removed")) == (0, True)
    assert list(cache.iterdir()) == []
    assert run("prune", cache, "--older-than", 0) == (0, f"{cache}: nothing to remove\n")


def test_prune_needs_to_be_told_what_may_go(cache: Path) -> None:
    status, output = run("prune", cache, "--yes")
    assert (status, "--config, --older-than, or both" in output) == (1, True)


def test_prune_of_what_a_job_works_on_is_refused(cache: Path) -> None:
    job = f"""
import sys
from livecc.scores.cache import ScoreCache
with ScoreCache({str(cache)!r}, "score_lm_loss", {LOSS_OLD!r}, "pretrain.z") as cache:
    cache.find(["k"])
    print("ready", flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", job],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    folders = [one.folder for one in removable(cache, NONE_USED)]
    with pytest.raises(LiveccError, match=f"{LOSS_OLD}: in use by a job; nothing was"):
        remove(folders)
    assert len(contents(cache)) == 9
    process.communicate()
    remove(folders)
    assert contents(cache) == {}


def test_prune_leaves_folders_that_hold_something_else(cache: Path) -> None:
    (cache / "score_lm_loss" / LOSS_NEW / "notes.txt").write_text("mine")
    with pytest.raises(LiveccError, match=r"contains notes\.txt, which are not files"):
        remove([one.folder for one in removable(cache, NONE_USED)])
    assert len(contents(cache)) == 10


def test_what_killed_commands_left_is_removed(cache: Path) -> None:
    old, young = cache / ".import-1", cache / "score_lm_loss" / ".removed-2"
    for path in (old, young):
        shutil.copytree(cache / "score_lm_loss" / LOSS_OLD, path)
    assert left_behind(cache) == []
    os.utime(old, (0, 0))
    assert left_behind(cache) == [old]
    # They are no scores.
    assert len(removable(cache, NONE_USED)) == 3
    remove([], left_behind(cache))
    assert not old.exists()
    with ScoreCache(cache, "score_lm_loss", LOSS_OLD, "pretrain.a") as scores:
        assert len(list(scores.folder.glob("*.jsonl"))) == 2


# --- what configurations use -------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A configuration of the pre-training track, with the receipt of its language model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "a.jsonl").write_text("{}\n")
    config = {
        "tracks": {"pretrain": {"inputs": ["a.jsonl"], "videos": "."}},
        "score_lm_loss": {"model": "./model"},
        "score_talking_head": {"enabled": False},
    }
    (tmp_path / "my.yaml").write_text(json.dumps(config))
    (tmp_path / "other.yaml").write_text('{"score_lm_loss": {"dtype": "float16"}}')
    loaded = configuration.load(["my.yaml"])
    receipt = {"model": "m", "folder": str(tmp_path / "model"), "digest": "d"}
    write_json(receipts(loaded, LOSS)[""], receipt)
    return loaded


def test_scores_of_machines_with_and_without_gpus_are_used(project: dict[str, Any]) -> None:
    used = used_by([project])
    assert {stage: len(names) for stage, names in used.fingerprints.items()} == {
        "identify_language": 1,
        "score_lm_loss": 2,
        "probe_videos": 1,
    }
    assert used.untold == set()
    for device in ("cpu", "cuda"):
        (name,) = fingerprints({**project, "device": device})["score_lm_loss"]
        assert name in used.fingerprints["score_lm_loss"]


def test_scores_of_all_configurations_are_used(project: dict[str, Any]) -> None:
    other = configuration.load(["my.yaml", "other.yaml"])
    used = used_by([project, other]).fingerprints["score_lm_loss"]
    assert set(used) == {
        *used_by([project]).fingerprints["score_lm_loss"],
        *used_by([other]).fingerprints["score_lm_loss"],
    }
    assert len(used) == 3


@pytest.mark.parametrize("receipt", [None, {"status": "missing", "model": "m", "reason": "gone"}])
def test_nothing_goes_of_a_stage_whose_model_is_not_there(
    project: dict[str, Any], cache: Path, receipt: dict[str, str] | None
) -> None:
    """Otherwise every score would seem unused once the results are gone."""
    path = Path(receipts(project, LOSS)[""])
    if receipt is None:
        path.unlink()
    else:
        write_json(path, receipt)
    used = used_by([project])
    assert used.untold == {"score_lm_loss"}
    assert [one.folder.fingerprint for one in removable(cache, used)] == [PROMPTS]
    status, output = run("prune", cache, "--config", "my.yaml", "--yes")
    assert (status, "score_lm_loss: all scores are kept" in output) == (0, True)
    assert len(contents(cache)) == 6


def test_prune_by_configurations(project: dict[str, Any], cache: Path) -> None:
    _, two = sorted(used_by([project]).fingerprints["score_lm_loss"])
    (cache / "score_lm_loss" / LOSS_NEW).rename(cache / "score_lm_loss" / two)
    status, output = run("prune", cache, "--config", "my.yaml", "--config", "my.yaml", "other.yaml")
    assert status == 0
    assert "2 cache folders" in output
    status, output = run("prune", cache, "--config", "my.yaml", "--yes")
    assert [path.name for path in cache.glob("*/*")] == [two]
    status, output = run("prune", cache, "--config", "nowhere.yaml", "--yes")
    assert (status, "nowhere.yaml: cannot be read" in output) == (1, True)
