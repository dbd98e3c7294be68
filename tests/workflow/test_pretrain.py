"""The pre-training track from input shards to the training file, through Snakemake itself."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from livecc.formats.samples import read_offsets, read_sample
from livecc.stages.check_samples.check import Videos, check_file
from tests.support.places import LIVECC, REPOSITORY
from tests.workflow.running import Project

pytestmark = pytest.mark.workflow

MERGED = ("pretrain", "default", "livecc_pretrain_default_with_seeks.jsonl")

#: The jobs of a changed threshold.
SELECTING = {
    **{"select_samples": 1, "merge_samples": 1, "check_samples": 1, "summarize": 1},
    **{"export_parquet": 1, "export_card": 1},
}


def decisions(project: Project) -> pd.DataFrame:
    return pd.read_parquet(project.results("pretrain", "default", "decisions"))


def test_every_clip_has_a_decision_and_a_reason(finished: Project) -> None:
    table = decisions(finished)
    assert table.kept.notna().all()
    assert (table.rule.isna() == table.kept).all()
    by_video = table.groupby("video").rule.agg(lambda rules: sorted(set(rules.fillna("kept"))))
    assert by_video.to_dict() == {
        "boat.mp4": ["kept"],
        "sun.mp4": ["kept"],
        "long.mp4": ["kept"],
        "fast.mp4": ["words_per_second"],
        "bateau.mp4": ["language"],
        "missing.mp4": ["talking_head"],
        "text.mp4": ["talking_head"],
        "cut.mp4": ["talking_head"],
    }
    why = table.set_index("video").why
    assert "no such file" in why["missing.mp4"]
    assert "not a video" in why["text.mp4"]
    assert why["bateau.mp4"] == "language fr is not en"


def test_bad_lines_are_recorded_and_cost_nothing_else(finished: Project) -> None:
    rows = pd.read_parquet(finished.results("pretrain", "videos")).set_index("line")
    failed = rows[rows.status != "ok"]
    assert list(failed.index) == [3]
    assert failed.reason[3].startswith("not JSON")
    summary = finished.results("summary.txt").read_text()
    assert "10 lines: 9 videos, 1 unusable" in summary
    assert "one, line 3: not JSON" in summary


def test_training_file_loads_with_the_trainers_reader(finished: Project) -> None:
    merged = finished.results(*MERGED)
    offsets = read_offsets(merged)
    samples = [read_sample(merged, offset) for offset in offsets]
    assert len(samples) == decisions(finished).kept.sum()
    videos = [sample[0]["content"][0]["video"] for sample in samples]
    assert videos == sorted(videos)
    long = [s for s in samples if s[0]["content"][0]["video"] == "long.mp4"]
    assert len(long) > 1
    stream = [word for s in long for _, _, word in s[1]["content"][0]["text_stream"]]
    previous = long[-1][0]["content"][1]["previous"].split()
    last = [word for _, _, word in long[-1][1]["content"][0]["text_stream"]]
    assert previous + last == stream


def test_summary_adds_up(finished: Project) -> None:
    summary = json.loads(finished.results("summary.json").read_text())["pretrain"]
    selection = summary["selections"]["default"]
    assert selection["clips"] == selection["kept"] + sum(selection["dropped"].values())
    assert selection["clips"] == summary["input"]["clips"] == len(decisions(finished))
    assert selection["samples"] == selection["kept"]
    assert selection["unscored"] == {"talking_head": 3}
    assert summary["stages"]["identify_language"]["items"] == selection["clips"]


def test_the_training_file_is_checked(finished: Project) -> None:
    merged = finished.results(*MERGED)
    report = json.loads(merged.with_name(f"{merged.name}.check.json").read_text())
    again = check_file(merged, Videos(finished.folder / "videos")).to_json()
    assert report.pop("made_with")
    # Results folders may be moved.
    assert report == {**again, "file": merged.name}
    assert report["samples"] == decisions(finished).kept.sum()
    assert (report["videos"], report["unopened"], report["text_only"]) == (3, 0, False)
    [counts] = report["counts"]
    assert counts["checked"] == report["samples"]
    summary = finished.results("summary.txt").read_text()
    delivered = f"delivers {counts['complete']} of {counts['checked']} samples complete"
    assert delivered in summary


def test_a_selection_that_keeps_nothing_says_what_would_keep_something(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"]["words_per_second"] = {"max": 2}
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    summary = project.results("summary.txt").read_text()
    warning = summary[summary.index("WARNING: pretrain, selection default keeps no clip") :]
    assert "words_per_second dropped most" in warning
    assert warning[:200] in run.output
    [setting] = re.findall(r"--set (words_per_second\.max=\S+)", warning)
    told = subprocess.run(
        [*LIVECC, "what-if", "--configfile", "my.yaml", "--set", setting, "--show", "0"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    [clips] = re.findall(r"^clips +(\d+) +0 ", told, re.MULTILINE)
    assert int(clips) > 0


def test_a_prefix_before_the_videos(project: Project) -> None:
    before = project.results(*MERGED).read_bytes()
    project.config["tracks"]["pretrain"]["video_prefix"] = "/far away/"
    run = project.run()
    assert run.jobs() == SELECTING
    merged = project.results(*MERGED)
    assert merged.read_bytes().count(b'"video": "/far away/') == len(read_offsets(merged))
    check = json.loads(merged.with_name(f"{merged.name}.check.json").read_text())
    assert (check["unopened"], check["text_only"]) == (0, False)
    manifest = json.loads(merged.with_name(f"{merged.name}.manifest.json").read_text())
    assert manifest["configuration"]["video_prefix"] == "/far away/"
    del project.config["tracks"]["pretrain"]["video_prefix"]
    assert project.run().status == 0
    assert project.results(*MERGED).read_bytes() == before


def test_second_run_does_nothing(project: Project) -> None:
    run = project.run()
    assert run.status == 0
    assert "Nothing to be done" in run.output


def test_threshold_inside_the_gate_runs_no_scoring(project: Project) -> None:
    project.config["selections"]["default"]["pretrain"]["words_per_second"] = {"max": 2}
    run = project.run()
    assert run.jobs() == SELECTING
    assert decisions(project).kept.sum() == 0
    assert project.results(*MERGED).read_bytes() == b"[]"


def test_new_selection_runs_beside_the_old_one(project: Project) -> None:
    before = project.results(*MERGED).stat().st_mtime_ns
    project.config["selections"]["loose"] = {"pretrain": {"words_per_second": {"max": 8}}}
    run = project.run()
    assert run.jobs() == SELECTING
    assert project.results(*MERGED).stat().st_mtime_ns == before
    loose = project.results("pretrain", "loose", "livecc_pretrain_loose_with_seeks.jsonl")
    clips = pd.read_parquet(project.results("pretrain", "clips"))
    assert len(read_offsets(loose)) == (clips.words_per_second <= 8).sum()


def test_clone_in_another_folder_runs_nothing(project: Project, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    import shutil

    for name in ("Snakefile", "config.yaml", "models.yaml"):
        shutil.copy(REPOSITORY / name, clone / name)
    for name in ("rules", "scripts", "livecc", "envs", "profiles"):
        shutil.copytree(REPOSITORY / name, clone / name)
    project.repository = clone
    run = project.run()
    assert "Nothing to be done" in run.output, run.output[-3000:]


def test_speed_settings_run_nothing(project: Project) -> None:
    project.config["score_lm_loss"]["tokens_per_batch"] = 64
    project.config["score_talking_head"]["decode_timeout_seconds"] = 5
    assert "Nothing to be done" in project.run().output


def test_appended_video_is_the_only_one_scored(project: Project) -> None:
    path = project.folder / "input" / "two.jsonl"
    lines = path.read_text().splitlines()
    from tests.workflow.running import FOLD, record

    project.write_input("two", [*lines, record("sun2.mp4", FOLD[5:], 170)])
    run = project.run()
    assert run.jobs() == {
        "clip_captions": 1,
        "identify_language": 1,
        "score_lm_loss": 1,
        "score_talking_head": 1,
        "select_samples": 1,
        "merge_samples": 1,
        "check_samples": 1,
        "export_parquet": 1,
        "export_card": 1,
        "summarize": 1,
    }
    assert project.stats("identify_language", "two")["scored"] == 1
    assert project.stats("score_lm_loss", "two")["scored"] == 1


def test_lost_scores_come_back_from_the_cache_byte_by_byte(project: Project) -> None:
    table = project.results("pretrain", "scores", "score_lm_loss", "one.parquet")
    before = table.read_bytes()
    merged = project.results(*MERGED).read_bytes()
    table.unlink()
    assert project.run("--forcerun", "score_lm_loss").status == 0
    stats = project.stats("score_lm_loss", "one")
    assert stats["scored"] == 0
    assert stats["found"] == stats["items"]
    assert table.read_bytes() == before
    assert project.results(*MERGED).read_bytes() == merged


def test_other_shards_same_bytes(project: Project) -> None:
    """Cut otherwise, the input gives the same training file and scores nothing again."""
    merged = project.results(*MERGED).read_bytes()
    lines = [
        line
        for shard in ("one", "two")
        for line in (project.folder / "input" / f"{shard}.jsonl").read_text().splitlines()
    ]
    for shard in ("one", "two"):
        (project.folder / "input" / f"{shard}.jsonl").unlink()
    for number in range(3):
        project.write_input(f"s{number}", lines[number::3])
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert project.results(*MERGED).read_bytes() == merged
    for stage in ("identify_language", "score_lm_loss"):
        assert [project.stats(stage, f"s{n}")["scored"] for n in range(3)] == [0, 0, 0]


def test_a_shard_that_goes_and_comes_back(project: Project) -> None:
    """Its old files were removed meanwhile, or hold decisions by other thresholds."""
    merged = project.results(*MERGED).read_bytes()
    shard, aside = project.folder / "input" / "two.jsonl", project.folder / "two.jsonl"
    shard.rename(aside)
    project.config["selections"]["default"]["pretrain"]["words_per_second"] = {"max": 2}
    assert project.run().jobs().keys() >= {"select_samples", "merge_samples"}
    assert project.results(*MERGED).read_bytes() == b"[]"
    aside.rename(shard)
    del project.config["selections"]["default"]["pretrain"]["words_per_second"]
    run = project.run()
    assert run.jobs().keys() == {
        *("list_shards", "select_samples", "merge_samples", "check_samples", "summarize"),
        *("export_parquet", "export_card"),
    }
    assert project.results(*MERGED).read_bytes() == merged


def test_empty_shard(project: Project) -> None:
    project.write_input("empty", [])
    run = project.run()
    assert run.status == 0, run.output[-3000:]
    assert run.jobs()["clip_captions"] == 1
    assert project.stats("clip_captions", "empty")["lines"] == 0


def test_switched_off_stages(project: Project) -> None:
    project.config["score_talking_head"]["enabled"] = False
    run = project.run()
    assert run.jobs() == SELECTING
    assert set(decisions(project)[decisions(project).kept].video) >= {"missing.mp4", "cut.mp4"}
