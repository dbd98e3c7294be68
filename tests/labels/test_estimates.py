"""Estimates are right on average, and intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from livecc.labels.estimates import Labels, share_of_good, share_of_two
from livecc.labels.sampling import Strata, allocation, strata_of
from tests.support.judged_clips import Clips, graded_clips, uneven_clips

REPETITIONS = 500
CLIPS = 20_000


def drawn(
    rng: np.random.Generator, members: list[np.ndarray], counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, strata) of a simple random sample of each stratum."""
    rows = [
        rng.choice(own, number, replace=False) for own, number in zip(members, counts, strict=True)
    ]
    return np.concatenate(rows), np.repeat(np.arange(len(counts)), counts)


class Repeated:
    """Many samples of clips whose truth is known, and what is estimated from each."""

    def __init__(
        self, clips: Clips, strata: Strata, counts: np.ndarray, seed: int, recall: bool = True
    ) -> None:
        rng = np.random.default_rng(seed)
        members = [np.flatnonzero(strata.of == one) for one in range(len(strata.names))]
        kept = clips.population.kept
        sizes = int(kept.sum()), int((~kept).sum())
        self.precision, self.recall = [], []
        for _ in range(REPETITIONS):
            rows, stratum = drawn(rng, members, counts)
            labels = Labels(stratum, clips.good[rows], strata.sizes)
            inside = share_of_good(labels, kept[rows])
            self.precision.append(inside)
            if not recall:
                continue
            outside = share_of_good(labels, ~kept[rows])
            self.recall.append(share_of_two(inside, sizes[0], outside, sizes[1]))

    @staticmethod
    def covered(shares: list, truth: float) -> float:
        return float(np.mean([share.low <= truth <= share.high for share in shares]))


def whole(clips: Clips) -> Strata:
    return Strata(("all",), np.zeros(len(clips.population), np.int64))


@pytest.mark.parametrize(
    ("design", "count", "precision"),
    [
        *(("uniform", 200, 0.85), ("stratified", 200, 0.5), ("stratified", 200, 0.95)),
        *(("stratified", 80, 0.7), ("stratified", 600, 0.98)),
    ],
)
def test_intervals_cover_the_truth(design: str, count: int, precision: float) -> None:
    clips = graded_clips(CLIPS, precision, seed=3)
    strata = whole(clips) if design == "uniform" else strata_of(clips.population)
    recall = count == 200
    found = Repeated(clips, strata, allocation(strata, count), seed=5, recall=recall)
    assert abs(clips.precision - precision) < 0.01
    assert 0.90 <= found.covered(found.precision, clips.precision) <= 0.98
    assert not recall or 0.90 <= found.covered(found.recall, clips.recall) <= 0.98


@pytest.mark.parametrize("design", ["uniform", "stratified"])
@pytest.mark.parametrize(
    ("count", "precision", "clips"),
    [(150, 0.45, 6_000), (300, 0.6, 60_000), (250, 0.75, 15_000), (500, 0.9, 6_000)],
)
def test_intervals_cover_the_truth_of_clips_that_none_was_made_with(
    design: str, count: int, precision: float, clips: int
) -> None:
    """What an estimate believes was chosen with other clips, and must hold for these as well."""
    judged = uneven_clips(clips, precision, seed=11)
    strata = whole(judged) if design == "uniform" else strata_of(judged.population)
    recall = count in (150, 250)
    found = Repeated(judged, strata, allocation(strata, count), seed=12, recall=recall)
    assert abs(judged.precision - precision) < 0.05
    assert 0.90 <= found.covered(found.precision, judged.precision) <= 0.98
    assert not recall or 0.90 <= found.covered(found.recall, judged.recall) <= 0.98


@pytest.mark.parametrize("count", [40, 80, 200])
def test_few_bad_labels_do_not_make_intervals_too_short(count: int) -> None:
    """With one or two bad labels, no interval covers in 95 %; it must not do so more rarely."""
    clips = graded_clips(CLIPS, 0.98, seed=3)
    strata = strata_of(clips.population)
    found = Repeated(clips, strata, allocation(strata, count), seed=6, recall=False)
    assert found.covered(found.precision, clips.precision) >= 0.93


@pytest.mark.parametrize("design", ["uniform", "stratified"])
def test_estimates_are_unbiased(design: str) -> None:
    clips = graded_clips(CLIPS, 0.8, seed=1)
    strata = whole(clips) if design == "uniform" else strata_of(clips.population)
    found = Repeated(clips, strata, allocation(strata, 200), seed=2)
    for shares, truth in ((found.precision, clips.precision), (found.recall, clips.recall)):
        values = np.array([share.value for share in shares])
        # Four standard errors of the mean; a ratio of sums has a bias of the order of 1 / labels.
        assert abs(values.mean() - truth) < 4 * values.std() / np.sqrt(REPETITIONS) + 0.004


def test_counting_without_weights_would_be_biased() -> None:
    """So the test of unbiasedness can fail."""
    clips = graded_clips(CLIPS, 0.8, seed=1)
    strata = strata_of(clips.population)
    members = [np.flatnonzero(strata.of == one) for one in range(len(strata.names))]
    rng = np.random.default_rng(0)
    plain = []
    for _ in range(REPETITIONS):
        rows, _ = drawn(rng, members, allocation(strata, 200))
        plain.append(clips.good[rows].mean())
    assert abs(np.mean(plain) - clips.good.mean()) > 0.025


def test_a_domain_across_strata() -> None:
    """Thresholds that changed since the sample was drawn cut its strata."""
    clips = graded_clips(CLIPS, 0.8, seed=4)
    strata = strata_of(clips.population)
    members = [np.flatnonzero(strata.of == one) for one in range(len(strata.names))]
    loss = clips.population.numeric[0].values
    domain = (loss > 3) & (loss < 7)
    truth = clips.good[domain].mean()
    rng = np.random.default_rng(9)
    found = []
    for _ in range(REPETITIONS):
        rows, stratum = drawn(rng, members, allocation(strata, 200))
        found.append(share_of_good(Labels(stratum, clips.good[rows], strata.sizes), domain[rows]))
    assert abs(np.mean([share.value for share in found]) - truth) < 0.01
    # Strata that the domain cuts differ much, of which only a part is believed.
    assert 0.93 <= Repeated.covered(found, truth) <= 0.99


def labels_of(good: list[bool], size: int) -> Labels:
    return Labels(np.zeros(len(good), np.int64), np.array(good), np.array([size]))


def test_labels_that_agree_have_an_interval_of_some_length() -> None:
    share = share_of_good(labels_of([True] * 20, 10_000), np.ones(20, bool))
    assert share.value == share.high == 1.0
    assert 0.8 < share.low < 0.95
    share = share_of_good(labels_of([False] * 20, 10_000), np.ones(20, bool))
    assert share.value == share.low == 0.0
    assert 0.05 < share.high < 0.2


def test_all_clips_labelled_leave_no_doubt() -> None:
    share = share_of_good(labels_of([True, True, False, True], 4), np.ones(4, bool))
    assert (share.low, share.value, share.high) == (0.75, 0.75, 0.75)
    assert share.to_json()["effective_labels"] is None


def test_more_labels_narrow_the_interval() -> None:
    widths = []
    for count in (20, 80, 320):
        good = [n % 4 != 0 for n in range(count)]
        share = share_of_good(labels_of(good, 100_000), np.ones(count, bool))
        assert share.value == 0.75
        widths.append(share.high - share.low)
    assert widths[0] > 1.8 * widths[1] > 3 * widths[2]


def test_a_domain_without_labels_is_unknown() -> None:
    labels = labels_of([True, False], 100)
    none = share_of_good(labels, np.zeros(2, bool))
    some = share_of_good(labels, np.ones(2, bool))
    assert none is None
    assert share_of_two(some, 50, None, 50) is None
    # A domain that has no clips needs no label.
    assert share_of_two(some, 100, None, 0).value == 1.0


def test_no_good_clip_has_no_recall() -> None:
    labels = labels_of([False, False], 100)
    inside = share_of_good(labels, np.array([True, False]))
    outside = share_of_good(labels, np.array([False, True]))
    assert share_of_two(inside, 50, outside, 50) is None
