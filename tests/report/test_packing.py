"""Packed values compare with thresholds as they did before."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.report.packing import GRID, pack_codes, pack_mask, pack_numbers


def unpacked(packed: dict[str, Any], count: int) -> np.ndarray:
    """What `page/columns.js` makes of a column (its own tests are those of the page)."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    if packed["form"] == "float64":
        return planes.reshape(8, count).T.copy().view("<f8").ravel()
    size = packed["bytes"]
    codes = planes.reshape(size, count).T.copy().view(f"<u{size}").ravel().astype(np.float64)
    values = (codes + packed["low"]) / packed["halves"] / packed["scale"]
    return np.where(codes == packed["missing"], np.nan, values)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1000, 1000) | st.just(float("nan")), min_size=1, max_size=30),
    st.integers(-10_000_000, 10_000_000),
)
def test_every_threshold_of_the_grid_decides_the_same(values: list[float], step: int) -> None:
    column, bound = np.array(values), step / GRID
    packed = pack_numbers(column)
    for compare in (np.less, np.less_equal, np.greater, np.greater_equal):
        assert (compare(unpacked(packed, len(column)), bound) == compare(column, bound)).all()


@pytest.mark.parametrize("digits", [0, 2, 4])
def test_short_decimals_are_exact(digits: int) -> None:
    column = np.round(np.random.default_rng(0).normal(3, 50, 500), digits)
    packed = pack_numbers(column)
    assert packed["form"] == "integers"
    assert (unpacked(packed, 500) == column).all()


@pytest.mark.parametrize(
    "column",
    [[1e12, 0.5], [float("inf"), 1.0], [0.123456789, 1e9]],
)
def test_what_cannot_be_packed_is_kept_whole(column: list[float]) -> None:
    packed = pack_numbers(np.array(column))
    assert packed["form"] == "float64"
    assert unpacked(packed, 2).tolist() == column


def test_a_bound_between_the_multiples_keeps_the_values_whole() -> None:
    column = np.array([0.123456, 0.5])
    assert pack_numbers(column)["form"] == "integers"
    assert pack_numbers(column, [0.12345])["form"] == "float64"
    assert pack_numbers(column, exact=True)["form"] == "float64"


@pytest.mark.parametrize("values", [[], [float("nan")] * 3, [0.0], [300.0, 70_000.0]])
def test_few_and_missing_values(values: list[float]) -> None:
    column = np.array(values, np.float64)
    found = unpacked(pack_numbers(column), len(values))
    assert np.array_equal(found, column, equal_nan=True)


def test_codes_and_masks() -> None:
    codes = np.array([0, 1, 0, -3, 70_000])
    assert unpacked(pack_codes(codes), 5).tolist() == codes.tolist()
    mask = np.array([True, False, True] * 5)
    bits = np.frombuffer(zlib.decompress(base64.b64decode(pack_mask(mask)["data"])), np.uint8)
    assert (np.unpackbits(bits)[:15] == mask).all()
