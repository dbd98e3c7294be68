"""Histograms: every value in its bin, whatever the shards."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from livecc.exports.distributions import (
    Bin,
    Distributions,
    _count_numbers,
    bars,
    read_distributions,
)
from tests.support.releases import make_release

_values = st.lists(
    st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False).map(lambda x: round(x, 4)),
    min_size=1,
)


def distributions(kept: list[float], dropped: list[float]) -> Distributions:
    found = Distributions({"x": Counter()}, {"x": Counter()})
    _count_numbers(found.kept["x"], np.array(kept, np.float64))
    _count_numbers(found.dropped["x"], np.array(dropped, np.float64))
    return found


@given(_values, _values)
def test_every_value_is_in_one_bin(kept: list[float], dropped: list[float]) -> None:
    bins = distributions(kept, dropped).bins("x")
    assert sum(one.kept for one in bins) == len(kept)
    assert sum(one.dropped for one in bins) == len(dropped)
    assert all(one.high == other.low for one, other in itertools.pairwise(bins))
    assert len(bins) <= 16


def test_edges_are_round_and_thresholds_stay_between_bins() -> None:
    """What is kept from 1.5 on is not in the bin below 1.5, nor the other way round."""
    values = np.round(np.arange(0, 8, 0.0103), 4)
    found = distributions([x for x in values if x >= 1.5], [x for x in values if x < 1.5])
    bins = found.bins("x")
    assert [one.low for one in bins[1:4]] == [1.0, 2.0, 3.0] or bins[1].low in (0.5, 1.0)
    for one in bins:
        if one.low is not None and one.low >= 1.5:
            assert not one.dropped
        if one.high is not None and one.high <= 1.5:
            assert not one.kept


def test_numbers_that_floats_do_not_hold() -> None:
    found = distributions([0.3, 0.1, 0.7, 2.3, -0.3], [])
    assert set(found.kept["x"]) == {0.3, 0.1, 0.7, 2.3, -0.3}


def test_outliers_do_not_widen_the_bins() -> None:
    found = distributions([1.0 + n / 1000 for n in range(1000)] + [1e6], [])
    bins = found.bins("x")
    assert bins[-1].high is None
    assert bins[-1].kept < 100
    assert len(bins) > 8


def test_one_value_alone() -> None:
    assert distributions([2.0, 2.0], [2.0]).bins("x") == [Bin(2.0, 2.0, 2, 1)]
    assert list(bars([Bin(2.0, 2.0, 2, 1)], width=6)) == ["2  ████░░  2 of 3"]


def test_what_many_values_end_at_is_a_bin_of_its_own() -> None:
    """Nothing claims that a share is between 1 and 1.1."""
    bins = distributions([n / 50 for n in range(51)], [1.0]).bins("x")
    assert (bins[-2].high, bins[-1]) == (1.0, Bin(1.0, 1.0, 1, 1))
    assert list(bars(bins))[-1].split()[0] == "1"
    assert sum(one.kept for one in bins) == 51


def test_bars() -> None:
    bins = [Bin(None, 1.0, 0, 1), Bin(1.0, 2.0, 1000, 1000), Bin(2.0, None, 3, 0)]
    assert list(bars(bins, width=8)) == [
        "   below 1  ░         0 of 1",
        "    1 to 2  ████░░░░  1,000 of 2,000",
        "2 and more  █         3",
    ]


def test_all_clips_are_counted(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    decisions = pd.read_parquet(Path(release.shards[0].decisions("default")).parent)
    found = read_distributions(release)
    assert "lm_loss" in found.numbers()
    for name in found.numbers():
        for counts, mask in ((found.kept, decisions.kept), (found.dropped, ~decisions.kept)):
            assert counts[name].total() == decisions[name][mask].notna().sum()
    assert found.kept["language"] == Counter(decisions.language[decisions.kept].dropna())
