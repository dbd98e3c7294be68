"""Proposed thresholds: the known best ones are found, and what is promised holds."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from livecc.labels.grid import Grid, knob_of
from livecc.labels.proposals import Proposal, Proposer
from livecc.labels.report import yaml_of
from livecc.labels.verdict import judge
from tests.support.judged_clips import Clips, clips_with_scores

CLIPS = 20_000


def clips_that(good: str, seed: int = 0, noise: float = 0.02, bounds: dict | None = None) -> Clips:
    """Clips that are good where an expression of their scores holds, with some exceptions."""
    rng = np.random.default_rng(seed)
    scores = {"loss": rng.uniform(0, 8, CLIPS), "head": rng.uniform(0, 1, CLIPS)}
    truth = eval(good, {"rng": rng, "n": CLIPS, **scores})
    truth = truth ^ (rng.random(CLIPS) < noise)
    return clips_with_scores(scores, bounds or {"loss": (1.0, 6.0), "head": (None, 0.5)}, truth)


def proposer(clips: Clips, count: int, seed: int, *yields: float) -> Proposer:
    sample = clips.sample(count, seed)
    judged = judge(clips.population, clips.answers(sample), sample)
    return Proposer(clips.population, judged, yields)


def bounds_of(proposal: Proposal) -> dict[str, dict]:
    return {bound.rule: bound.bounds for bound in proposal.bounds}


def true_precision(clips: Clips, proposal: Proposal) -> float:
    kept = np.ones(CLIPS, bool)
    for numeric in clips.population.numeric:
        bounds = bounds_of(proposal)[numeric.rule]
        kept &= numeric.values >= bounds.get("min", -np.inf)
        kept &= numeric.values <= bounds.get("max", np.inf)
    assert kept.mean() == pytest.approx(proposal.share_kept, abs=0.02)
    return float(clips.good[kept].mean())


def test_the_best_bounds_of_one_rule_are_found() -> None:
    clips = clips_that("(loss > 2) & (loss < 4)", bounds={"loss": (1.0, 6.0), "head": (None, 1.0)})
    proposal = proposer(clips, 300, 1, 0.24).for_yield(0.24, ["loss"])
    bounds = bounds_of(proposal)["loss"]
    assert bounds["min"] == pytest.approx(2, abs=0.3)
    assert bounds["max"] == pytest.approx(4, abs=0.3)
    assert proposal.reached
    spread = proposal.bounds[0].spread
    assert spread["min"][0] <= bounds["min"] <= spread["min"][1]
    assert spread["max"][0] <= bounds["max"] <= spread["max"][1]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_best_bounds_of_two_rules_are_found(seed: int) -> None:
    clips = clips_that("(loss > 2) & (loss < 5) & (head < 0.7)")
    best = (clips.population.numeric[0].values > 2) & (clips.population.numeric[0].values < 5)
    best &= clips.population.numeric[1].values < 0.7
    found = proposer(clips, 400, seed, best.mean())
    proposal = found.for_yield(best.mean())
    bounds = bounds_of(proposal)
    assert bounds["loss"]["min"] == pytest.approx(2, abs=0.5)
    assert bounds["loss"]["max"] == pytest.approx(5, abs=0.5)
    assert bounds["head"]["max"] == pytest.approx(0.7, abs=0.12)
    assert true_precision(clips, proposal) > 0.88
    # As configured, far fewer are good.
    assert clips.precision < 0.65
    wanted = found.for_precision(0.85)
    assert wanted.reached
    assert wanted.share_kept > 0.7 * best.mean()
    assert true_precision(clips, wanted) > 0.78


def test_what_is_promised_is_not_what_was_fitted() -> None:
    """Of labels that no score tells anything about, the search finds good ones all the same."""
    seen, held_out, truth = [], [], []
    for seed in range(8):
        clips = clips_that("rng.random(n) < 0.5", seed=seed, noise=0)
        proposal = proposer(clips, 100, seed, 0.1).for_yield(0.1)
        seen.append(proposal.seen.value)
        held_out.append(proposal.held_out.value)
        truth.append(true_precision(clips, proposal))
    assert np.mean(seen) > np.mean(truth) + 0.1
    assert np.mean(held_out) == pytest.approx(np.mean(truth), abs=0.1)


def test_a_goal_out_of_reach_is_said_to_be() -> None:
    clips = clips_that("rng.random(n) < 0.3", noise=0)
    found = proposer(clips, 150, 0, 0.9)
    assert not found.for_precision(0.95).reached
    one = found.for_yield(0.9, ["loss"])
    assert not one.reached, "the other rule drops half of the clips"
    assert one.share_kept == pytest.approx(0.5, abs=0.03)


def test_bounds_that_are_not_configured_stay_away() -> None:
    clips = clips_that("head > 0.4")
    bounds = bounds_of(proposer(clips, 200, 0, 0.3).for_yield(0.3))
    assert "min" not in bounds["head"]


def test_proposals_are_the_same_each_time() -> None:
    clips = clips_that("(loss > 2) & (loss < 5)")
    once, again = (proposer(clips, 150, 3, 0.3) for _ in range(2))
    assert once.for_yield(0.3) == again.for_yield(0.3)
    assert once.for_precision(0.8) == again.for_precision(0.8)


def test_few_labels_propose_nothing() -> None:
    clips = clips_that("loss < 4")
    with pytest.raises(ValueError, match="too few"):
        proposer(clips, 15, 0)


def test_counts_of_the_grid_are_those_of_the_thresholds() -> None:
    """Of many equal values, too, and of bounds that meet them."""
    rng = np.random.default_rng(0)
    scores = {
        "loss": rng.choice([0.0, 1.0, 1.5, 3.0, np.nan], 2_000),
        "head": rng.choice([0.0, 0.3, 1.0], 2_000, p=[0.9, 0.05, 0.05]),
    }
    clips = clips_with_scores(
        scores, {"loss": (1.0, 1.5), "head": (None, 0.3)}, rng.random(2_000) < 0.5
    )
    rows = np.arange(2_000)
    knobs = [knob_of(one, rows, rows[:500]) for one in clips.population.numeric]
    every = np.ones(2_000, bool)
    grid = Grid(knobs, every, every[:500])
    configured = {}
    for knob, numeric in zip(knobs, clips.population.numeric, strict=True):
        low = knob.written.index(numeric.low) if numeric.low is not None else 0
        configured[knob.rule] = (low, knob.written.index(numeric.high))
    assert (grid.clips(configured) == clips.population.kept).all()
    assert (grid.labels(configured) == clips.population.kept[:500]).all()
    weights = rng.random(500)
    for knob in knobs:
        kept, weight, fine = grid.tables(knob, configured, weights, clips.good[:500])
        for _ in range(20):
            low, high = sorted(rng.choice(len(knob.edges), 2, replace=False).tolist())
            state = {**configured, knob.rule: (low, high)}
            labels = grid.labels(state)
            assert kept[low, high] == pytest.approx(grid.share_kept(state))
            assert weight[low, high] == pytest.approx(weights[labels].sum())
            assert fine[low, high] == pytest.approx(weights[labels & clips.good[:500]].sum())


def test_the_yaml_can_be_pasted() -> None:
    clips = clips_that("(loss > 2) & (loss < 5)")
    proposal = proposer(clips, 150, 3, 0.3).for_yield(0.3)
    read = yaml.safe_load(yaml_of(proposal, "pretrain", "no", "keeps some"))
    assert list(read) == ["selections"]
    assert {
        rule: bounds or {} for rule, bounds in read["selections"]["no"]["pretrain"].items()
    } == (bounds_of(proposal))
