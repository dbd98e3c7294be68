"""What a plan says on the terminal; that it agrees with runs is tested in tests/workflow."""

from __future__ import annotations

from collections import Counter

from livecc.plan import StagePlan, _reason, render, to_json


def stage(name: str = "score_lm_loss", **more: object) -> StagePlan:
    plan = StagePlan("pretrain", name, jobs=2, reasons=Counter({"input changed": 2}))
    for key, value in more.items():
        setattr(plan, key, value)
    return plan


def test_nothing_to_do() -> None:
    assert render([]) == "Nothing to do: everything is made for this configuration."


def test_columns_and_sum() -> None:
    plans = [
        stage(items=1200, found=1000, to_score=200, device="cuda", hours=1.5),
        stage("select_samples", reasons=Counter({"thresholds changed": 1, "an earlier stage": 1})),
    ]
    lines = render(plans).splitlines()
    assert lines[1].split() == [
        *("pretrain", "score_lm_loss", "2", "1,200", "1,000", "200", "1.50", "input", "changed")
    ]
    assert lines[2].endswith("thresholds changed (1), an earlier stage (1)")
    assert lines[-1] == "4 jobs, about 1.50 GPU hours and 0.00 CPU hours for what is known."
    # Columns stand below their heads.
    assert lines[0].index("why") == lines[1].index("input")


def test_what_cannot_be_told_yet_is_marked() -> None:
    text = render([stage(unknown_jobs=1, unknown_items=30, items=10, to_score=4)])
    assert "10+" in text
    assert "(1 jobs; they had 30 items)" in text
    assert "? no earlier job of the stage tells how fast it is." in text


def test_json_has_reasons_by_count() -> None:
    [plan] = to_json([stage()])
    assert plan["reasons"] == {"input changed": 2}
    assert plan["jobs"] == 2


def test_reasons_in_words() -> None:
    job = {"rule": "merge_samples", "command": ""}
    for text, words in {
        "Missing output files: a": "not made yet",
        "Updated input files: a": "input changed",
        "Input files updated by another job: a": "an earlier stage runs",
        "Params have changed since last execution: a": "settings changed",
        "Forced execution": "forced",
        "Something new": "Something new",
    }.items():
        assert _reason({**job, "reason": text}) == words
    select = {"rule": "select_samples", "command": "", "reason": "Params have changed"}
    assert _reason(select) == "thresholds changed"
