"""Samples to label: strata, sizes, and chances as they are written."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from livecc.errors import LiveccError
from livecc.labels.sampling import KEPT, allocation, decider, strata_of
from livecc.labels.verdict import judge, verdict_of
from tests.support.judged_clips import clips_with_scores, graded_clips


def test_strata_follow_decisions_and_distances() -> None:
    clips = graded_clips(20_000, 0.8)
    population = clips.population
    strata = strata_of(population)
    assert set(map(decider, strata.names)) == {KEPT, "loss", "head"}
    assert strata.sizes.sum() == len(population)
    loss = population.numeric[0].values
    for name, members in ((name, strata.of == k) for k, name in enumerate(strata.names)):
        rule = decider(name)
        number = -1 if rule == KEPT else population.rules.index(rule)
        assert (population.dropped_by[members] == number).all(), name
    # A twentieth of evenly spread losses between 0 and 8 is 0.4.
    near = loss[strata.of == strata.names.index("loss: near")]
    assert np.minimum(np.abs(near - 1.5), np.abs(near - 6.5)).max() == pytest.approx(0.4, abs=0.03)
    far = loss[strata.of == strata.names.index("loss: far")]
    assert np.minimum(np.abs(far - 1.5), np.abs(far - 6.5)).min() == pytest.approx(0.4, abs=0.03)


def test_clips_on_a_threshold_are_near_it_however_many() -> None:
    values = np.r_[np.zeros(900), np.linspace(0.5, 1, 100)]
    clips = clips_with_scores({"head": values}, {"head": (None, 0.0)}, np.zeros(1000, bool))
    strata = strata_of(clips.population)
    sizes = dict(zip(strata.names, strata.sizes.tolist(), strict=True))
    assert sizes == {"kept: near head": 900, "head: near": 50, "head: far": 50}


@pytest.mark.parametrize("count", [9, 40, 200, 5_000])
def test_allocation(count: int) -> None:
    strata = strata_of(graded_clips(20_000, 0.8).population)
    given = allocation(strata, count)
    assert given.sum() == count
    assert (given <= strata.sizes).all()
    assert (given >= min(5, count // len(strata.sizes))).all()
    if count == 200:
        near = (
            given[strata.names.index("loss: near")] / strata.sizes[strata.names.index("loss: near")]
        )
        far = given[strata.names.index("loss: far")] / strata.sizes[strata.names.index("loss: far")]
        assert near > 1.5 * far, "clips near a threshold say more"


def test_fewer_clips_than_groups_are_refused() -> None:
    strata = strata_of(graded_clips(2_000, 0.8).population)
    with pytest.raises(LiveccError, match=r"--count 3: there are \d groups"):
        allocation(strata, 3)


def test_all_clips_are_drawn_if_there_are_few() -> None:
    clips = graded_clips(50, 0.8)
    sample = clips.sample(200, seed=0)
    assert sorted(one.clip for one in sample.clips) == sorted(clips.population.places)
    assert {one.probability for one in sample.clips} == {1.0}


def test_a_seed_draws_the_same_clips() -> None:
    clips = graded_clips(5_000, 0.8)
    assert clips.sample(100, seed=7) == clips.sample(100, seed=7)
    other = {one.clip for one in clips.sample(100, seed=8).clips}
    assert len(other & {one.clip for one in clips.sample(100, seed=7).clips}) < 20


def test_chances_are_those_that_are_written() -> None:
    """Over many seeds, each clip is drawn as often as its probability says."""
    clips = graded_clips(300, 0.7)
    drawn: Counter[str] = Counter()
    chances: dict[str, float] = {}
    seeds = 600
    for seed in range(seeds):
        for one in clips.sample(60, seed).clips:
            drawn[one.clip] += 1
            chances[one.clip] = one.probability
    assert len(chances) == 300
    errors = [
        (drawn[clip] - seeds * p) / np.sqrt(seeds * p * (1 - p))
        for clip, p in chances.items()
        if p < 1
    ]
    assert np.abs(errors).max() < 5
    assert np.std(errors) == pytest.approx(1, abs=0.15)


def test_estimates_from_files_of_samples_are_unbiased() -> None:
    """From the sample as it is written to the figures as they are shown."""
    clips = graded_clips(3_000, 0.7, seed=2)
    found = [
        verdict_of(clips.population, judge(clips.population, clips.answers(sample), sample))
        for sample in (clips.sample(120, seed) for seed in range(150))
    ]
    for truth, values in (
        (clips.precision, [one.precision.value for one in found]),
        (clips.recall, [one.recall.value for one in found]),
        (clips.good.mean(), [one.good.value for one in found]),
    ):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(len(values)) + 0.005


def test_half_of_a_sample_is_a_sample() -> None:
    clips = graded_clips(3_000, 0.7, seed=2)
    values = []
    for seed in range(150):
        sample = clips.sample(200, seed)
        answers = clips.answers(sample)
        first = {one.clip: answers[one.clip] for one in sample.clips[:100]}
        judged = judge(clips.population, first, sample)
        assert judged.waiting == 100
        values.append(verdict_of(clips.population, judged).precision.value)
    assert abs(np.mean(values) - clips.precision) < 4 * np.std(values) / np.sqrt(150) + 0.005


def test_each_rule_has_its_precision_and_recall() -> None:
    clips = graded_clips(3_000, 0.7, seed=2)
    sample = clips.sample(3_000, seed=0)
    population = clips.population
    verdict = verdict_of(population, judge(population, clips.answers(sample), sample))
    for rule in verdict.rules:
        number = population.rules.index(rule.name)
        drops = population.dropped_by == number
        reaches = population.kept | (population.dropped_by >= number)
        bad = ~clips.good
        assert (rule.drops, rule.reaches) == (drops.sum(), reaches.sum())
        assert rule.right.value == pytest.approx(bad[drops].mean())
        assert rule.caught.value == pytest.approx(bad[drops].sum() / bad[reaches].sum())
        assert rule.passed_good.value == pytest.approx(clips.good[reaches & ~drops].mean())
        spared = clips.good[reaches & ~drops].sum() / clips.good[reaches].sum()
        assert rule.spared.value == pytest.approx(spared)
    assert verdict.precision.value == pytest.approx(clips.precision)
    assert verdict.recall.value == pytest.approx(clips.recall)
    assert verdict.precision.low == verdict.precision.high


def test_a_group_without_labels_borrows_from_its_like() -> None:
    clips = graded_clips(3_000, 0.7, seed=2)
    sample = clips.sample(150, seed=0)
    answers = clips.answers(sample)
    left = {one.clip for one in sample.clips if one.stratum == "loss: near"}
    judged = judge(
        clips.population, {c: good for c, good in answers.items() if c not in left}, sample
    )
    assert judged.merged == {"loss: near": "loss: far"}
    assert judged.labels.sizes.sum() == 3_000
    dropped = {one.clip for one in sample.clips if not one.stratum.startswith(KEPT)}
    judged = judge(
        clips.population, {c: good for c, good in answers.items() if c not in dropped}, sample
    )
    assert judged.uncovered == (~clips.population.kept).sum()
    verdict = verdict_of(clips.population, judged)
    assert verdict.recall is None
    assert verdict.precision is not None


def test_without_a_sample_groups_are_weighted_by_their_clips() -> None:
    """Who judges as many dropped as kept clips has not judged them as they are."""
    clips = graded_clips(20_000, 0.8, seed=2)
    rng = np.random.default_rng(0)
    kept = np.flatnonzero(clips.population.kept)
    dropped = np.flatnonzero(~clips.population.kept)
    rows = np.r_[rng.choice(kept, 1_500), rng.choice(dropped, 300)]
    answers = {f"v{row}.mp4#0-9": bool(clips.good[row]) for row in rows.tolist()}
    judged = judge(clips.population, answers, None)
    assert not judged.sampled
    verdict = verdict_of(clips.population, judged)
    assert verdict.precision.value == pytest.approx(clips.precision, abs=0.03)
    assert verdict.good.value == pytest.approx(clips.good.mean(), abs=0.05)
