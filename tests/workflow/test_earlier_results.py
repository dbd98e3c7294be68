"""Results of an earlier version of this code are found done, and none of their scores is lost.

earlier/*.tar.gz are projects that make_earlier_results.py made with the code of commit 99fc172.
They have no weights, so that a stage that tried to score anything would fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from livecc import configuration
from livecc.planning.work import fingerprints
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow

ARCHIVES = Path(__file__).with_name("earlier")
#: Stages whose version was raised since: they look for their scores elsewhere.
RAISED = frozenset({"transcribe", "identify_language", "score_active_speaker"})
#: Stages without scores that were raised: who updates runs them again, which costs seconds. Their
#: clips are what they were where neither limits nor pauses end them.
RAISED_CLIPS = frozenset({"clip_captions", "clip_transcripts", "import_transcripts"})
#: Archive -> what lets in as many words of a transcript as its configuration did when length was
#: counted between the starts of words.
CLIP_SECONDS = {"imported": 16, "transcribed": 15}
#: What shows the video: it was from the first word to the last one.
WINDOW = ("video_start", "video_end")
#: Archive -> track -> stages with scores in the cache, in order.
STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "imported": {
        "pretrain": ("identify_language", "score_lm_loss", "score_talking_head"),
        "sft": ("identify_language", "score_lm_loss", "score_active_speaker", "make_prompts"),
    },
    "transcribed": {
        "sft": (
            *("transcribe", "identify_language", "score_lm_loss"),
            *("score_active_speaker", "make_prompts"),
        ),
    },
}
SHARDS = {"pretrain": "captions", "sft": "spoken"}

Earlier = Callable[[str], Project]


def unpack(name: str, folder: Path) -> Project:
    """An archive's project as its user has it, but for the weights, whose folders are empty."""
    with tarfile.open(ARCHIVES / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    # Snakemake has made it; without it, it takes the records for those of an old version.
    (folder / ".snakemake" / "incomplete").mkdir()
    for path in (folder / "results" / "models").glob("*.json"):
        before, receipt = path.stat(), json.loads(path.read_text())
        weights = folder / receipt["folder"]
        weights.mkdir(parents=True)
        # Users' receipts have the whole path.
        path.write_text(json.dumps(receipt | {"folder": str(weights)}))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    project = Project(folder)
    project.config = yaml.safe_load((folder / "my.yaml").read_text())
    # A stage that earlier versions did not have.
    project.config["probe_videos"] = {"enabled": False}
    return project


@pytest.fixture
def earlier(tmp_path: Path) -> Earlier:
    """Unpacks an archive by its name.

    What stages that were raised compute again is taken to be what they computed before: with other
    words, later stages would rightly score again, and two processors may hear different words.
    """

    def make(name: str) -> Project:
        project = unpack(name, tmp_path / "p")
        project.config["clip_transcripts"]["max_clip_seconds"] = CLIP_SECONDS[name]
        for stage in raised(name):
            (before,) = (project.results("cache") / stage).iterdir()
            now = before.with_name(new_fingerprint(project, stage))
            assert now != before, f"{stage} was not raised"
            before.rename(now)
        return project

    return make


def new_fingerprint(project: Project, stage: str) -> str:
    """Where a stage looks for its scores now."""
    with contextlib.chdir(project.folder):
        config = configuration.load([Path("my.yaml")])
        (fingerprint,) = fingerprints(config)[stage]
    return fingerprint


def raised(name: str) -> frozenset[str]:
    return RAISED & {stage for stages in STAGES[name].values() for stage in stages}


def score_jobs(name: str) -> list[tuple[str, str]]:
    return [(track, stage) for track, stages in STAGES[name].items() for stage in stages]


def assert_nothing_was_scored(project: Project, name: str, ran: Collection[str]) -> None:
    """By the stages that ran; the stats of the others are those of the earlier run."""
    for track, stage in score_jobs(name):
        if stage not in ran:
            continue
        stats = project.stats(stage, SHARDS[track], track)
        assert stats["items"] > 0, (track, stage)
        assert stats["scored"] == 0, (track, stage)
        assert stats["found"] == stats["items"], (track, stage)


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """All that the scores decide: scores, decisions and clips."""
    return {
        str(path.relative_to(project.folder)): pd.read_parquet(path)
        for path in sorted(project.results().rglob("*.parquet"))
        # Earlier versions had no exports.
        if path.name != "samples.parquet"
    }


def merged_samples(project: Project) -> dict[str, list[Any]]:
    """File -> its samples, without what they show of the video."""
    found = {}
    for path in project.results().rglob("*_with_seeks.jsonl"):
        samples = [json.loads(line) for line in path.read_text().splitlines()[:-1]]
        for sample in samples:
            for name in WINDOW:
                del sample[0]["content"][0][name]
        found[path.name] = samples
    return found


def manifests(project: Project) -> dict[str, Any]:
    """Where scores, models and thresholds come from, without what was raised."""
    found = {}
    for path in project.results().rglob("*_with_seeks.jsonl.manifest.json"):
        manifest = json.loads(path.read_text())
        kept = {name: manifest[name] for name in ("models", "scores")}
        kept |= {name: manifest["configuration"][name] for name in ("thresholds", "gates")}
        for stage in RAISED:
            kept["scores"].pop(stage, None)
        # A rule and a stage that came since.
        kept["thresholds"].pop("inside_video", None)
        kept["gates"].pop("probe_videos", None)
        kept["scores"].pop("probe_videos", None)
        # What came since: whether weights are those of models.yaml.
        for model in kept["models"].values():
            model.pop("not_as_listed", None)
        found[path.name] = kept
    return found


@pytest.mark.parametrize("name", STAGES)
def test_earlier_results_are_found_done(earlier: Earlier, name: str) -> None:
    project = earlier(name)
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    ran = run.jobs()
    assert raised(name) <= ran.keys()
    assert RAISED_CLIPS & ran.keys()
    assert "fetch_model" not in ran
    assert_nothing_was_scored(project, name, ran)
    run = project.run()
    assert "Nothing to be done" in run.output


@pytest.mark.parametrize("name", STAGES)
def test_no_earlier_score_is_lost(earlier: Earlier, name: str) -> None:
    """Every score job is made to run, and makes its table of what is in the cache."""
    project = earlier(name)
    rows, merged, told = tables(project), merged_samples(project), manifests(project)
    assert rows
    assert merged.keys() == {path.removesuffix(".manifest.json") for path in told}
    jobs = Counter(stage for _, stage in score_jobs(name))
    for track, stage in score_jobs(name):
        made = "transcripts" if stage == "transcribe" else f"scores/{stage}"
        shutil.rmtree(project.results(track, made))
        shutil.rmtree(project.results(track, "stats", stage))
    run = project.run("--forcerun", *jobs)
    assert run.status == 0, run.output[-5000:]
    ran = run.jobs()
    assert {stage: ran[stage] for stage in jobs} == jobs
    assert "fetch_model" not in ran
    assert_nothing_was_scored(project, name, ran)
    again = tables(project)
    assert again.keys() == rows.keys()
    for path, table in rows.items():
        # Columns may be new.
        found = again[path][list(table.columns)]
        pd.testing.assert_frame_equal(found, table, check_exact=True, obj=path)
    assert merged_samples(project) == merged
    assert manifests(project) == told


def test_a_threshold_of_earlier_results_scores_nothing(earlier: Earlier) -> None:
    project = earlier("imported")
    # What was raised since runs first, and finds its scores.
    assert project.run().status == 0
    selection = project.config["selections"]["default"]["pretrain"]
    selection["words_per_second"] = {"min": 2.2, "max": 2.6}
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    assert run.jobs() == {
        "select_samples": 1,
        "merge_samples": 1,
        "check_samples": 1,
        "export_parquet": 1,
        "export_card": 1,
        "summarize": 1,
    }
