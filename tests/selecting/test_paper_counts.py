"""The paper's funnel beside a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.parquet import write_table
from livecc.formats.layout import Layout
from livecc.formats.tables import DECISION, arrow_schema, schema
from livecc.selecting.paper_counts import CATEGORIES, measured, rows_of
from livecc.stages.catalogue import catalogue_of
from livecc.thresholds.listed import read_list
from tests.support.random_results import write_shard

#: Bounds, and what they let through.
PASSES = {
    "lm_loss": ({"min": 0.5, "max": 3}, lambda row: 0.5 <= row["lm_loss"] <= 3),
    "active_speaker": ({"max": 0.5}, lambda row: row["active_speaker"] <= 0.5),
    "prompt": ({"answers": ["YES"]}, lambda row: row["answer"] == "YES"),
    "language": (
        {"labels": ["en"], "min_confidence": 0.5},
        lambda row: row["language"] == "en" and row["language_confidence"] >= 0.5,
    ),
}
STAGE_OF = {
    "lm_loss": "score_lm_loss",
    "active_speaker": "score_active_speaker",
    "prompt": "make_prompts",
    "language": "identify_language",
}


def read(path: Path | str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


@pytest.fixture
def results(tmp_path: Path) -> Layout:
    """Two shards of the SFT track; of each, the first clip is kept."""
    layout = Layout(str(tmp_path))
    rng = np.random.default_rng(5)
    stages: list[str] = []
    for name in ("a", "b"):
        clips, scores = write_shard(tmp_path, "sft", name, rng, videos=300)
        stages = [stage.name for stage in scores]
        files = layout.shard("sft", name)
        first = read(clips)[0]
        row = {"clip": first["clip"], "video": first["video"], "seconds": 1.0, "kept": True}
        write_table(Path(files.decisions("paper")), arrow_schema(DECISION), [row])
        video = {"line": 1, "video": first["video"], "category": "Sports", "status": "ok"}
        write_table(Path(files.videos), schema("transcribed_videos"), [video])
    Path(layout.shard_list("sft")).write_text("a\nb\n")
    write_json(
        layout.manifest("sft", "paper"),
        {
            "configuration": {"thresholds": {name: bounds for name, (bounds, _) in PASSES.items()}},
            "scores": {stage: [] for stage in stages},
            "counts": {"samples": 2},
        },
    )
    return layout


def test_shares_are_those_of_a_loop_over_clips(results: Layout) -> None:
    counts = measured(results, "sft", "paper", catalogue_of({}))
    expected = {rule: [0, 0, 0] for rule in PASSES}
    clips = 0
    for shard in ("a", "b"):
        files = results.shard("sft", shard)
        scores = {
            rule: {row["clip"]: row for row in read(files.scores(stage))}
            for rule, stage in STAGE_OF.items()
        }
        for clip in read(files.clips):
            if clip["status"] != "ok":
                continue
            clips += 1
            for rule, (_, passes) in PASSES.items():
                row = scores[rule].get(clip["clip"], {"status": "missing"})
                if row["status"] != "ok":
                    expected[rule][2] += 1
                    break
                expected[rule][0] += 1
                if not passes(row):
                    break
                expected[rule][1] += 1
    steps = {
        "language-model loss": "lm_loss",
        "active speaker": "active_speaker",
        "prompt": "prompt",
        "language": "language",
    }
    assert counts.clips == clips > 400
    assert set(counts.steps) == set(steps)
    for step, rule in steps.items():
        told = counts.steps[step]
        assert [told.reached, told.passed, told.unscored] == expected[rule], step
    assert expected["language"][1] > 0


def test_published_figures_stand_beside(results: Layout) -> None:
    rows = {row[0]: row for row in rows_of(measured(results, "sft", "paper", catalogue_of({})))}
    assert rows["language-model loss"][2] == "80.0 % (2.8 M clips)"
    assert rows["categories"][2] == "55.0 % (1.54 M clips)"
    assert rows["categories"][4] == "rule not used"
    assert rows["active speaker"][2].startswith("65.6 %")
    assert rows["prompt"][2].startswith("52.2 %")
    assert rows["language"][2].startswith("99.7 %")
    assert rows["clips a video"][2] == "1.13 (3.5 M of 3.1 M videos)"
    assert rows["words a second"][3] == "unknown"
    assert rows["samples: Sports"][1:3] == ("100.0 %", "14.1 %")
    assert sum(CATEGORIES.values()) == 525_941


def test_no_results_of_a_selection(tmp_path: Path) -> None:
    with pytest.raises(LiveccError, match="no such file"):
        measured(Layout(str(tmp_path)), "sft", "paper", catalogue_of({}))


def test_lists_are_found_by_their_ids(results: Layout, tmp_path: Path) -> None:
    """The manifest tells their names and digests alone."""
    listed = tmp_path / "mine.txt"
    listed.write_text("c\n-a\n")
    recorded = f"mine.txt#{read_list(str(listed)).digest}"
    manifest = read_json(results.manifest("sft", "paper"))
    manifest["configuration"]["thresholds"] = {"excluded": {"lists": [recorded]}}
    manifest["scores"]["describe_video"] = []
    write_json(results.manifest("sft", "paper"), manifest)
    step = "evaluation videos"
    missing = measured(results, "sft", "paper", catalogue_of({}))
    assert step not in missing.steps
    notes = {row[0]: row[4] for row in rows_of(missing)}
    assert notes[step] == "not measured without mine.txt: --exclude FILE"
    other = tmp_path / "other.txt"
    other.write_text("x\n")
    told = measured(results, "sft", "paper", catalogue_of({}), [other, listed]).steps[step]
    ids = []
    for shard in ("a", "b"):
        files = results.shard("sft", shard)
        facts = {row["video"]: row for row in read(files.scores("describe_video"))}
        clips = [row for row in read(files.clips) if row["status"] == "ok"]
        found = [facts.get(clip["video"], {"status": "missing"}) for clip in clips]
        ids += [row["video_id"] for row in found if row["status"] == "ok"]
    left = [name for name in ids if name not in ("c", "-a")]
    assert (told.reached, told.passed) == (len(ids), len(left))
    assert 0 < len(left) < len(ids)


@pytest.mark.parametrize("on_unknown", ["keep", "drop"])
def test_unknown_facts_pass_as_decisions_let_them(tmp_path: Path, on_unknown: str) -> None:
    layout = Layout(str(tmp_path))
    _, scores = write_shard(tmp_path, "pretrain", "a", np.random.default_rng(1), videos=300)
    Path(layout.shard_list("pretrain")).write_text("a\n")
    bounds = {"duration": {"min": 1}, "on_unknown": on_unknown}
    write_json(
        layout.manifest("pretrain", "paper"),
        {
            "configuration": {"thresholds": bounds},
            "scores": {stage.name: [] for stage in scores},
            "counts": {"samples": 2},
        },
    )
    counts = measured(layout, "pretrain", "paper", catalogue_of({}))
    (told,) = counts.steps.values()
    rows = read(layout.shard("pretrain", "a").scores("describe_video"))
    known = [row["duration"] for row in rows if row["status"] == "ok"]
    unknown = known.count(None)
    passed = sum(value is not None and value >= 1 for value in known)
    assert (told.reached, counts.videos) == (len(known), len(known))
    assert told.passed == passed + (unknown if on_unknown == "keep" else 0)
    assert unknown > 20
