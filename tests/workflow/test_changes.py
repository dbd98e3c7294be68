"""A table of changes against what runs again: exactly these jobs, exactly these items.

Every change is planned first, and what was planned is held against what then ran.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.planning.plan import make_plan
from tests.support.places import REPOSITORY
from tests.workflow.running import FOLD, SUN, Project, record
from tests.workflow.tracks import make_both_tracks, rows_in_cache, scored_by, spoken

pytestmark = pytest.mark.workflow

#: What follows when something of a track was made anew.
PRETRAIN = {
    **{"select_samples": 1, "merge_samples": 1, "check_samples": 1, "summarize": 1},
    **{"export_parquet": 1, "export_card": 1},
}
SFT = PRETRAIN
BOTH = {
    **{"select_samples": 2, "merge_samples": 2, "check_samples": 2, "summarize": 1},
    **{"export_parquet": 2, "export_card": 2},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_lm: Path, face_detector: Path) -> Project:
    project = make_both_tracks(tmp_path_factory.mktemp("changes") / "p", tiny_lm, face_detector)
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    return project


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone_of_the_code(tmp_path_factory.mktemp("clone") / "clone")


@pytest.fixture
def here(tmp_path: Path, whole: Project) -> Project:
    """A copy of the project, in which the first run's working directory goes on."""
    return whole.copy(tmp_path / "p")


@pytest.fixture
def project(tmp_path: Path, here: Project, clone: Path) -> Project:
    """A copy whose runs start elsewhere: Snakemake's own records of the first run are not there."""
    here.move_runs(tmp_path / "elsewhere", clone)
    return here


def planned(project: Project) -> tuple[dict[str, int], dict[str, int]]:
    """(jobs, items to score that can be told before) by stage, as the plan says."""
    here = Path.cwd()
    os.chdir(project.working)
    try:
        config = configuration.read_yaml(configuration.DEFAULTS_FILE)
        configuration.overlay(config, project.settings())
        config = configuration.complete(config)
        jobs: dict[str, int] = {}
        items: dict[str, int] = {}
        for plan in make_plan(config):
            jobs[plan.stage] = jobs.get(plan.stage, 0) + plan.jobs
            if plan.cached and plan.unknown_jobs == 0:
                items[plan.stage] = items.get(plan.stage, 0) + plan.to_score
        return jobs, items
    finally:
        os.chdir(here)


def change(
    project: Project,
    jobs: dict[str, int],
    scored: dict[str, int],
    without_content: dict[str, int] | None = None,
) -> None:
    """Plan and run a changed project; hold both to what is expected.

    `scored` is what comes into the cache; `without_content` (no such file) is looked for whenever a
    job of its shard runs.
    """
    planned_jobs, planned_items = planned(project)
    rows = rows_in_cache(project)
    since = time.time()
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    assert run.jobs() == jobs
    assert planned_jobs == jobs
    looked_at = Counter(scored) + Counter(without_content or {})
    assert scored_by(project, jobs, since) == looked_at
    assert rows_in_cache(project) - rows == scored
    for stage, items in planned_items.items():
        assert items == looked_at[stage], stage
    assert "Nothing to be done" in project.run().output


def select(project: Project, track: str, **rules: Any) -> None:
    project.config["selections"]["default"][track].update(rules)


def test_nothing_changed(project: Project) -> None:
    assert planned(project) == ({}, {})
    assert "Nothing to be done" in project.run().output
    # What decides is what the results say, whatever Snakemake knows of this directory.
    select(project, "pretrain", lm_loss={"min": 1.0, "max": 20.0})
    change(project, {**PRETRAIN}, {})


def test_in_the_same_directory(here: Project) -> None:
    assert planned(here) == ({}, {})
    assert "Nothing to be done" in here.run().output
    select(here, "pretrain", lm_loss={"min": 1.0, "max": 20.0})
    change(here, {**PRETRAIN}, {})


def test_a_failed_job_from_elsewhere_is_made_up_for(project: Project) -> None:
    """Its outputs are gone, and what was made of earlier ones must not count as finished."""
    for folder in ("transcripts", "clips", "videos", "stats/clip_captions"):
        for path in project.results("pretrain", folder).glob("p1.*"):
            path.unlink()
    jobs = {
        **{"clip_captions": 1, "identify_language": 1, "score_lm_loss": 1},
        **{"score_talking_head": 1},
        **PRETRAIN,
    }
    change(project, jobs, {}, {"score_talking_head": 1})


def test_thresholds_inside_the_gates(project: Project) -> None:
    """Of every rule at once: if any of them led to a score job, it would be among the jobs."""
    select(
        project,
        "pretrain",
        words_per_second={"min": 2, "max": 3},
        language={"labels": ["en"], "min_confidence": 0.95},
        lm_loss={"min": 1.0, "max": 20.0},
        talking_head={"below": 0.1},
    )
    select(
        project,
        "sft",
        lm_loss={"min": 1.0, "max": 20.0},
        active_speaker={"min": 0, "max": 0.01},
        prompt={"answers": ["YES", "NO"]},
    )
    change(project, BOTH, {})


def test_wider_threshold_scores_what_comes_in(project: Project) -> None:
    """fast.mp4 of shard p1 comes in; no job of any other shard starts."""
    select(project, "pretrain", words_per_second={"max": 20})
    jobs = {"score_lm_loss": 1, "score_talking_head": 1, **PRETRAIN}
    # fast.mp4 and missing.mp4 have no file.
    change(project, jobs, {"score_lm_loss": 1}, {"score_talking_head": 2})


def test_there_and_back_scores_nothing_again(project: Project) -> None:
    select(project, "pretrain", words_per_second={"min": 2.4, "max": 2.6})
    change(project, {**PRETRAIN}, {})
    select(project, "pretrain", words_per_second={"max": 5})
    change(project, {**PRETRAIN}, {})


def test_added_selection(project: Project) -> None:
    """It lies inside the first one, so the gates let in nothing more."""
    tight = {
        "words_per_second": {"min": 1, "max": 4},
        "language": {"labels": ["en"], "min_confidence": 0.95},
        "lm_loss": {"min": 2.0, "max": 20.0},
        "talking_head": {"below": 0.2},
    }
    project.config["selections"]["tight"] = {"pretrain": tight}
    change(project, {**PRETRAIN}, {})
    del project.config["selections"]["tight"]
    change(project, {"summarize": 1}, {})


def test_other_revision_of_a_model(project: Project, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    model = Path(project.config["score_lm_loss"]["model"])
    other = tmp_path / "revised"
    shutil.copytree(model, other)
    weights = load_file(other / "model.safetensors")
    name = next(name for name, value in weights.items() if value.dtype == torch.float32)
    weights[name] = weights[name] * 1.5
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    project.config["score_lm_loss"]["model"] = str(other)
    jobs = {
        "fetch_model": 1,
        **{"score_lm_loss": 4, "score_talking_head": 2},
        **{"score_active_speaker": 2, "make_prompts": 2},
        **BOTH,
    }
    before = project.results("pretrain/scores/score_lm_loss/p1.parquet").read_bytes()
    planned_jobs, _ = planned(project)
    assert planned_jobs == jobs
    since = time.time()
    run = project.run()
    assert run.jobs() == jobs, run.output[-3000:]
    # The new model has its own scores; nothing else is scored.
    assert scored_by(project, jobs, since) == {"score_lm_loss": 6, "score_talking_head": 1}
    assert project.results("pretrain/scores/score_lm_loss/p1.parquet").read_bytes() != before
    # Back again: its scores are there.
    project.config["score_lm_loss"]["model"] = str(model)
    jobs.pop("fetch_model")
    change(project, jobs, {}, {"score_talking_head": 1})
    assert project.results("pretrain/scores/score_lm_loss/p1.parquet").read_bytes() == before


def test_other_prompt_text(project: Project) -> None:
    prompts = {"without_context": "Title: {title}\nWhat is said?"}
    project.config["score_lm_loss"]["prompts"] = prompts
    jobs = {
        **{"score_lm_loss": 4, "score_talking_head": 2},
        **{"score_active_speaker": 2, "make_prompts": 2},
        **BOTH,
    }
    change(project, jobs, {"score_lm_loss": 6}, {"score_talking_head": 1})


def test_other_templates_of_queries(project: Project) -> None:
    project.config["make_prompts"]["templates"] = ["Please comment on this."]
    change(project, {"make_prompts": 2, **SFT}, {"make_prompts": 2})


def test_scorer_version(project: Project, tmp_path: Path) -> None:
    clone = clone_of_the_code(tmp_path / "clone")
    declaration = clone / "livecc" / "stages" / "score_talking_head" / "declaration.py"
    text = declaration.read_text()
    assert 'version="1"' in text
    declaration.write_text(text.replace('version="1"', 'version="later"'))
    project.repository = clone
    rows = rows_in_cache(project)
    run = project.run()
    assert run.jobs() == {"score_talking_head": 2, **PRETRAIN}, run.output[-3000:]
    # missing.mp4 has no content to remember it by.
    assert rows_in_cache(project) - rows == {"score_talking_head": 3}


def test_appended_video(project: Project) -> None:
    path = project.folder / "input" / "s2.jsonl"
    shutil.copy(project.folder / "videos" / "talk.mp4", project.folder / "videos" / "more.mp4")
    project.write_input("s2", [*path.read_text().splitlines(), spoken("more.mp4", FOLD[7:])])
    jobs = {
        **{"filter_categories": 1, "import_transcripts": 1, "clip_transcripts": 1},
        **{"identify_language": 1, "score_lm_loss": 1},
        **{"score_active_speaker": 1, "make_prompts": 1},
        **SFT,
    }
    # more.mp4 is a copy of talk.mp4 and its clip has the same times: its speaker is known.
    change(project, jobs, {"identify_language": 1, "score_lm_loss": 1, "make_prompts": 1})


def test_edited_captions(project: Project) -> None:
    lines = (project.folder / "input" / "p1.jsonl").read_text().splitlines()
    project.write_input("p1", [record("boat.mp4", SUN[5:]), *lines[1:]])
    jobs = {
        **{"clip_captions": 1, "identify_language": 1, "score_lm_loss": 1},
        **{"score_talking_head": 1},
        **PRETRAIN,
    }
    scored = {"identify_language": 1, "score_lm_loss": 1}
    change(project, jobs, scored, {"score_talking_head": 1})


def test_touched_shard(here: Project) -> None:
    """A copied data set has new times and the same bytes; Snakemake knows its checksum here."""
    (here.folder / "input" / "p1.jsonl").touch()
    assert planned(here) == ({}, {})
    assert "Nothing to be done" in here.run().output


def test_code_of_another_stage(project: Project, tmp_path: Path) -> None:
    clone = clone_of_the_code(tmp_path / "clone")
    for name in ("scripts/score_lm_loss.py", "livecc/stages/score_lm_loss/engine.py"):
        with (clone / name).open("a") as stream:
            stream.write("\n# A comment.\n")
    project.repository = clone
    assert "Nothing to be done" in project.run().output


def clone_of_the_code(clone: Path) -> Path:
    """The files of the workflow in another folder, all of them new."""
    clone.mkdir()
    for name in ("Snakefile", "config.yaml", "models.yaml"):
        shutil.copyfile(REPOSITORY / name, clone / name)
    for name in ("rules", "scripts", "livecc", "envs", "profiles"):
        shutil.copytree(REPOSITORY / name, clone / name, copy_function=shutil.copyfile)
    return clone


def test_failed_items_on_request(project: Project) -> None:
    """text.mp4 is mended after it failed; missing.mp4 is still missing."""
    project.config["retry_failed"] = ["score_talking_head"]
    jobs = {"score_talking_head": 2, **PRETRAIN}
    rows = rows_in_cache(project)
    run = project.run()
    assert run.jobs() == jobs, run.output[-3000:]
    assert rows_in_cache(project) - rows == {"score_talking_head": 1}
    project.config["retry_failed"] = False
    assert "Nothing to be done" in project.run().output


@pytest.fixture
def watched(project: Project) -> Callable[[], dict[str, set[int]]]:
    """Runs the project; returns the GPUs that each stage's jobs asked for."""

    def run() -> dict[str, set[int]]:
        jobs = project.folder / "jobs.jsonl"
        jobs.unlink(missing_ok=True)
        done = project.run(environment={"LIVECC_PLAN_JOBS": str(jobs), "LIVECC_GPUS": "0"})
        assert done.status == 0, done.output[-3000:]
        gpus: dict[str, set[int]] = {}
        for line in jobs.read_text().splitlines():
            job = json.loads(line)
            gpus.setdefault(job["rule"], set()).add(job["gpu"])
        return gpus

    return run


def test_no_gpu_for_a_shard_without_new_items(
    project: Project, watched: Callable[[], dict[str, set[int]]]
) -> None:
    """Everything after the language is made anew, and finds all its scores in the cache."""
    project.config["device"] = "cuda"
    # Both tracks select anew, for which they need the tables.
    project.config["score_talking_head"] = {"enabled": False}
    select(project, "sft", active_speaker={"min": 0, "max": 0.01})
    for table in project.results().glob("*/scores/identify_language/*.parquet"):
        table.unlink()
    gpus = watched()
    assert gpus["score_lm_loss"] == {0}
    assert gpus["score_active_speaker"] == {0}
    stats = [project.stats("score_lm_loss", shard, "pretrain") for shard in ("p1", "p2")]
    assert sum(entry["found"] for entry in stats) == sum(entry["items"] for entry in stats) > 0
