"""What a plan is made of and says; that it agrees with runs is tested in tests/workflow."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from livecc import configuration
from livecc.formats.layout import Layout
from livecc.planning import plan as plans
from livecc.planning.made_with import CHANGED
from livecc.planning.plan import StagePlan, _reason, make_plan, to_json
from livecc.planning.plan_text import duration, render
from livecc.planning.ranges import Range
from livecc.planning.speeds import Pace
from tests.support.places import REPOSITORY


def stage(name: str = "score_lm_loss", **more: Any) -> StagePlan:
    reasons = Counter({"input changed": 2})
    plan = StagePlan("pretrain", name, jobs=2, reasons=reasons, cached=name.startswith("score"))
    for key, value in more.items():
        setattr(plan, key, value)
    return plan


def test_nothing_to_do() -> None:
    assert render([]) == "Nothing to do: all results are up to date."


MEASURED = Pace(Range(10, 10), "item", 1.0, "earlier jobs", measured=True)
STATED = Pace(Range(1, 20), "item", 1.0, "10 items a second on one GPU", measured=False)


def test_columns_and_sum() -> None:
    plans = [
        stage(
            **{"items": 1200, "found": 1000, "to_score": 200, "device": "cuda"},
            hours=Range(1.5, 1.5),
            pace=MEASURED,
        ),
        stage("select_samples", reasons=Counter({"thresholds changed": 1, "an earlier stage": 1})),
    ]
    lines = render(plans).splitlines()
    told = "pretrain score_lm_loss 2 1,200 1,000 200 1.5 h input changed"
    assert lines[1].split() == told.split()
    assert lines[2].endswith("thresholds changed (1), an earlier stage (1)")
    assert lines[-1] == "4 jobs; 1.5 h on GPUs, one job after another."
    # Columns stand below their heads.
    assert lines[0].index("why") == lines[1].index("input")


def test_what_is_estimated_is_marked() -> None:
    some = {"unknown_jobs": 1, "pace": STATED, "device": "cuda", "found": 3, "items": 5}
    text = render([stage(**some, expected_items=Range(7, 7), hours=Range(0.1, 0.5))])
    assert "~12" in text
    assert "3+" in text
    assert "6-30 min" in text
    assert "Time of score_lm_loss: at 10 items a second on one GPU." in text
    text = render([stage(**{**some, "items": 0}, expected_items=Range(0, 7), hours=Range(0, 0.5))])
    assert "<=7" in text
    assert "<= 30 min" in text
    text = render([stage(**{**some, "items": 1}, expected_items=Range(2, 7), hours=Range(1, 4))])
    assert "3-8" in text
    assert "60 min - 4.0 h" in text


def test_what_cannot_be_estimated_is_said() -> None:
    text = render([stage(unknown_jobs=1, unforeseen_jobs=1, items=10, to_score=4)])
    assert "10+" in text
    assert "Not estimated: 1 job whose input cannot be read." in text
    assert "? score_lm_loss: its speed was never measured." in text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0.0001, "<= 1 s"),
        (0.0001, 0.0001, "1 s"),
        (0.001, 0.02, "4-72 s"),
        (0.01, 0.2, "36 s - 12 min"),
        (2, 4.5, "2.0-4.5 h"),
        (1000, 1000, "1,000 h"),
    ],
)
def test_times_are_never_nothing(low: float, high: float, text: str) -> None:
    assert duration(Range(low, high)) == text


def test_json_has_reasons_by_count_and_both_bounds() -> None:
    [plan] = to_json([stage(hours=Range(0.5, 2), expected_items=Range(1, 3), pace=STATED)])
    assert plan["reasons"] == {"input changed": 2}
    assert plan["jobs"] == 2
    assert (plan["hours"], plan["expected_items"]) == ([0.5, 2], [1, 3])
    assert plan["speed"] == STATED.source
    json.dumps(plan)


def test_reasons_in_words() -> None:
    job = {"rule": "merge_samples", "input": ["a"], "output": ["b"]}
    for text, words in {
        "Missing output files: a": "not made yet",
        "Updated input files: a": "input changed",
        "Input files updated by another job: a": "an earlier stage runs",
        "Forced execution": "forced",
        "Something new": "Something new",
    }.items():
        assert _reason({**job, "reason": text}) == words


def test_reasons_of_changed_settings(tmp_path: Path) -> None:
    made = tmp_path / "made"
    job = {"reason": "Updated input files", "input": ["a", f"/tmp/x/{CHANGED}"]}
    for rule, words in {
        "clip_captions": "settings changed",
        "select_samples": "thresholds changed",
        "list_shards": "shards added or removed",
    }.items():
        made.touch()
        assert _reason({**job, "rule": rule, "output": [str(made)]}) == words
        made.unlink()
        assert _reason({**job, "rule": rule, "output": [str(made)]}) == "not made yet"


# --- a first run ---------------------------------------------------------------------------------


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The demo's configuration, with no results yet; its jobs as Snakemake would plan them."""
    monkeypatch.chdir(REPOSITORY)
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    configuration.overlay(config, configuration.read_yaml("presets/demo.yaml"))
    config["results"] = str(tmp_path / "results")
    config = configuration.complete(config)
    monkeypatch.setattr(plans, "planned_jobs", lambda config, _folder: first_jobs(config))
    return config


def first_jobs(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The jobs of a first run, without those that release."""
    layout = Layout.of(config)
    jobs = []

    def add(rule: str, output: list[str], given: list[str], **wildcards: str) -> None:
        reason = "Missing output files: it"
        jobs.append(
            {
                **{"rule": rule, "wildcards": wildcards, "reason": reason, "gpu": 0},
                **{"input": given, "output": output},
            }
        )

    for name in configuration.models(config).values():
        add("fetch_model", [layout.receipt(name)], [], model=name)
    for track in configuration.active_tracks(config):
        for shard in configuration.shards(config, track):
            files = layout.shard(track, shard)
            for clip_stage in configuration.clip_stages(config, track):
                made = [files.records, files.transcripts, files.clips]
                add(clip_stage.name, made, [], track=track, shard=shard)
            for scorer in configuration.active_stages(config, track):
                table = [files.scores(scorer.name)]
                add(scorer.name, table, [files.clips], track=track, shard=shard)
    add("summarize", [layout.summary_json], [])
    return jobs


def test_first_run_is_priced_from_the_input(demo: dict[str, Any]) -> None:
    made = make_plan(demo)
    by_stage = {(plan.track, plan.stage): plan for plan in made}
    # What the run makes of it (README.md): 11 clips, of which the gates let in fewer.
    language = by_stage["pretrain", "identify_language"]
    assert language.expected_items == language.expected_to_score == Range(11, 11)
    loss = by_stage["pretrain", "score_lm_loss"]
    assert loss.expected_items == Range(0, 11)
    # 11 clips of about 150 words, at the speed of this model on the benchmarks' machine.
    assert loss.hours is not None
    assert 5 / 3600 < loss.hours.high < 1
    assert "smollm2-135m-instruct" in loss.pace.source  # type: ignore[union-attr]
    # Three videos of wanted categories are there to be listened to.
    transcribe = by_stage["sft", "transcribe"]
    assert transcribe.expected_items.low > 0
    assert transcribe.hours is not None
    text = render(made)
    assert "0.00" not in text
    assert "?" not in text
    assert " on CPUs, one job after another." in text.splitlines()[-1]


def test_price_of_a_service(demo: dict[str, Any]) -> None:
    prices = {"input_price": 2.5, "output_price": 10}
    demo["make_prompts"] |= {
        "engine": "openai",
        "openai": {**demo["make_prompts"]["openai"], **prices},
    }
    [plan] = [plan for plan in make_plan(demo) if plan.stage == "make_prompts"]
    assert plan.cost is not None
    assert 0 < plan.cost.high < 1
    assert "make_prompts costs from " in render([plan])
    demo["make_prompts"]["openai"]["input_price"] = None
    assert "costs" not in render(make_plan(demo))


def test_jobs_stand_under_their_own_track(demo: dict[str, Any]) -> None:
    rows = [line.split()[:2] for line in render(make_plan(demo)).splitlines()]
    tracks = [track for track, _ in (row for row in rows if len(row) == 2)]
    assert rows[1] == ["all", "fetch_model"]
    assert rows[2] == ["pretrain", "clip_captions"]
    assert ["sft", "fetch_model"] in rows
    assert tracks.index("sft") > max(n for n, name in enumerate(tracks) if name == "pretrain")
    assert ["all", "summarize"] in rows
    # With one track, everything is for it.
    demo["tracks"]["sft"]["inputs"] = []
    assert {plan.track for plan in make_plan(demo)} == {"pretrain"}
