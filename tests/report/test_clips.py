"""The clips of a page: an even sample of very many, and which are shown with their words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from livecc.files.atomic import write_json
from livecc.formats.layout import Layout
from livecc.report.cards import choose, describe
from livecc.report.clips import page_columns, read_clips
from livecc.report.page import script_json
from livecc.scores.columns import read_columns
from livecc.selecting.decisions import decide
from livecc.thresholds.sets import ON_UNSCORED, parse_rules
from tests.support.built_in import TRACK_STAGES
from tests.support.places import LIVECC
from tests.support.reported import run_of_track, write_results

SHARDS = ["a", "b", "c"]
CHOSEN = {"lm_loss": {"min": 0.3, "max": 6.5}, "talking_head": {"below": 0.9}, ON_UNSCORED: "drop"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, "pretrain", np.random.default_rng(8), SHARDS)
    return folder


def test_a_sample_is_even_and_says_so(results: Path) -> None:
    run = run_of_track(results, "pretrain", {"default": CHOSEN})
    whole = read_clips(run, run.tracks[0])
    assert len(whole) == whole.total
    some = read_clips(run, run.tracks[0], most=20)
    assert (len(some), some.total) == (20, whole.total)
    told = page_columns(some)
    assert (told["clips"], told["total"]) == (20, whole.total)
    every = [tuple(place) for place in whole.places.tolist()]
    chosen = [every.index(tuple(place)) for place in some.places.tolist()]
    steps = np.diff(chosen)
    assert steps.min() >= whole.total // 20
    assert steps.max() <= -(-whole.total // 20)


def test_cards_have_kept_clips_dropped_ones_and_those_at_thresholds(results: Path) -> None:
    run = run_of_track(results, "pretrain", {"default": CHOSEN})
    clips = read_clips(run, run.tracks[0])
    decided = decide(clips.columns, parse_rules(CHOSEN, clips.rules), "drop")
    chosen = choose(clips, 12)
    assert len(chosen) == len(set(chosen)) == 12
    by = {decided.rule_names()[number] for number in chosen}
    assert {None, "lm_loss", "talking_head"} <= by
    cards = describe(run, clips, chosen)
    assert [card["n"] for card in cards] == chosen
    for card in cards:
        shard, row = clips.places[card["n"]].tolist()
        files = run.layout.shard("pretrain", SHARDS[shard])
        scores = {stage: Path(files.scores(stage.name)) for stage in TRACK_STAGES["pretrain"]}
        read = read_columns(Path(files.clips), scores)
        assert card["id"] == read.clips["clip"][row].as_py()
        assert card["scores"].get("lm_loss") == read.values["lm_loss"][row].as_py()
        assert len(card["words"]) == len(card["from"]) == len(card["to"]) == 6
        assert card["line"] is None


def test_all_clips_of_few(results: Path) -> None:
    run = run_of_track(results, "pretrain", {"default": CHOSEN})
    clips = read_clips(run, run.tracks[0])
    assert sorted(choose(clips, 10_000)) == list(range(len(clips)))


def test_json_ends_no_script() -> None:
    held = {"a": "</script><!--<script>\u2028&", "b": [1, None]}
    text = script_json(held)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == held


def report(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LIVECC, "report", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_command_makes_a_page_of_results_alone(results: Path, tmp_path: Path) -> None:
    stages = [stage.name for stage in TRACK_STAGES["pretrain"]]
    track = {"clip_stages": ["clip_captions"], "stages": stages, "gates": {}, "videos": "."}
    told = {**track, "selections": {"default": CHOSEN}, "videos_outside": "none"}
    settings = {"mode": "default", "external": {}, "tracks": {"pretrain": told}, "changed": {}}
    write_json(Layout(str(results)).report_settings, settings)
    page = tmp_path / "page.html"
    done = report(str(results), "--no-media", "--output", str(page), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "page.html (0." in done.stdout
    assert "lm_loss" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either the folder of results or --configfile"),
        (("nowhere",), "report.json: no such file"),
    ],
)
def test_the_command_says_what_is_missing(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = report(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
