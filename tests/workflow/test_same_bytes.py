"""The same input, configuration and models give the same bytes, however the work is divided."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.support.places import LIVECC
from tests.workflow.both_tracks import SMALL_BATCHES, make_both_tracks
from tests.workflow.killing import clear
from tests.workflow.running import Project

pytestmark = [pytest.mark.workflow, pytest.mark.models, pytest.mark.timeout(1800)]

STAGES = {
    "pretrain": ("identify_language", "score_lm_loss", "probe_videos", "score_talking_head"),
    "sft": (
        *("identify_language", "score_lm_loss", "probe_videos"),
        *("score_active_speaker", "make_prompts"),
    ),
}


#: Scores with four decimals.
SCORES = {"lm_loss", "language_confidence", "talking_head"}


def released(project: Project) -> dict[str, bytes]:
    """Merged files, their manifests and checks."""
    return {
        path.name: path.read_bytes()
        for track in STAGES
        for path in project.results(track).glob("*/*_with_seeks.jsonl*")
    }


def tables(project: Project) -> dict[str, pd.DataFrame]:
    """All rows of decisions and scores, sorted, whatever shard they are in."""
    folders = {
        f"{track}/{name}": project.results(track, *name.split("/"))
        for track, stages in STAGES.items()
        for name in ("default/decisions", "clips", *(f"scores/{stage}" for stage in stages))
    }
    found = {}
    for name, folder in folders.items():
        table = pd.concat([pd.read_parquet(path) for path in sorted(folder.iterdir())])
        # A line's number is of its shard.
        table = table.drop(columns=[c for c in ("shard", "line") if c in table])
        found[name] = table.sort_values(table.columns[0]).reset_index(drop=True)
    return found


def divide(project: Project, n_shards: int, seed: int) -> None:
    """Cut the input anew, its lines in another order."""
    folder = project.folder / "input"
    for name in ("captions", "spoken"):
        whole = folder / f"{name}.jsonl"
        lines = whole.read_text().splitlines()
        random.Random(seed).shuffle(lines)
        source = project.folder / f"{name}-{seed}.jsonl"
        source.write_text("".join(f"{line}\n" for line in lines))
        for old in folder.glob(f"{name}-*"):
            old.unlink()
        command = [*LIVECC, "shard", str(source)]
        command += ["--shards", str(n_shards), "--output", str(folder), "--prefix", name]
        subprocess.run(command, check=True, capture_output=True)
    for track, name in (("pretrain", "captions"), ("sft", "spoken")):
        project.config["tracks"][track]["inputs"] = [f"input/{name}-*-of-{n_shards}.jsonl"]


def budgets(project: Project, over: dict[str, dict[str, Any]]) -> None:
    for stage, options in over.items():
        project.config[stage] |= options


def test_bytes_do_not_depend_on_how_work_is_divided(
    tmp_path: Path,
    tiny_lm: Path,
    face_detector: Path,
    fetched_model: Callable[[str], Path],
) -> None:
    whisper = fetched_model("whisper-tiny.en")
    project = make_both_tracks(tmp_path / "p", tiny_lm, face_detector, whisper)
    # Nor on what processes have in common: here each has its own order of sets and its own threads;
    # in the other runs they are forks of one and have none.
    project.warm = False
    run = project.run()
    assert run.status == 0, run.output[-5000:]
    files, rows = released(project), tables(project)
    assert len(files) == 9
    assert all(json.loads(files[name])["counts"]["samples"] for name in files if "manifest" in name)
    defaults = {stage: dict.fromkeys(options) for stage, options in SMALL_BATCHES.items()}
    for n_shards, cores, over in (
        (2, "1", defaults),
        (5, "2", {"score_lm_loss": {"tokens_per_batch": 100}, "transcribe": {"batch_size": 1}}),
    ):
        clear(project)
        divide(project, n_shards, seed=n_shards)
        budgets(project, over)
        project.warm = True
        run = project.run("--cores", cores)
        assert run.status == 0, run.output[-5000:]
        again = released(project)
        assert [name for name in files if files[name] != again[name]] == []
        for name, table in tables(project).items():
            assert_same_but_for_rounding(table, rows[name], name)


def assert_same_but_for_rounding(one: pd.DataFrame, other: pd.DataFrame, name: str) -> None:
    """Equal in all but scores, which may be the next number of as many decimals.

    Sums of float32 differ by some 1e-7 with the composition of a batch, so that about one score in
    5,000 is rounded the other way.
    """
    scores = [column for column in one if column in SCORES]
    pd.testing.assert_frame_equal(
        one.drop(columns=scores), other.drop(columns=scores), check_exact=True, obj=name
    )
    differing = 0
    for column in scores:
        pd.testing.assert_series_equal(one[column], other[column], rtol=0, atol=1.01e-4)
        differing += int((one[column].fillna(-1) != other[column].fillna(-1)).sum())
    assert differing <= len(one) / 50, name
