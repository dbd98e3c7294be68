from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from livecc.media.resize import LongestSide, PixelBudget, Squash, Steps, resize_frames

BUDGET = PixelBudget(320 * 180, 28)
SIDES = st.integers(1, 8000)


@given(SIDES, SIDES)
def test_budget_is_never_exceeded(height: int, width: int) -> None:
    new_height, new_width = BUDGET.target(height, width)
    assert new_height % 28 == new_width % 28 == 0
    assert min(new_height, new_width) >= 28
    assert new_height * new_width <= BUDGET.pixels


@given(st.integers(200, 4000), st.integers(200, 4000))
def test_budget_keeps_the_aspect_ratio_to_within_a_patch(height: int, width: int) -> None:
    new_height, new_width = BUDGET.target(height, width)
    exact = np.sqrt(BUDGET.pixels * height / width)
    if min(height, width) / max(height, width) > 0.1:
        assert exact - 28 <= new_height <= exact + 1e-6
        assert BUDGET.pixels / exact - 28 <= new_width <= BUDGET.pixels / exact + 1e-6


@pytest.mark.parametrize(
    ("size", "expected"),
    [((720, 1280), (168, 308)), ((1280, 720), (308, 168)), ((90, 160), (168, 308))],
)
def test_budget_of_the_usual_videos(size, expected) -> None:
    assert BUDGET.target(*size) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [((720, 1280), (360, 640)), ((1280, 720), (640, 360)), ((90, 160), (90, 160))],
)
def test_longest_side(size, expected) -> None:
    assert LongestSide(640).target(*size) == expected


def test_filter_is_pillows_bicubic() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    small = resize_frames(frames, Squash(32, 18))
    for frame, result in zip(frames, small, strict=True):
        expected = Image.fromarray(frame).resize((18, 32), Image.Resampling.BICUBIC)
        assert np.array_equal(result, np.asarray(expected))
    twice = resize_frames(frames, Steps((Squash(32, 18), Squash(28, 28))))
    assert np.array_equal(twice, resize_frames(small, Squash(28, 28)))


def test_nothing_is_done_without_need() -> None:
    frames = np.zeros((2, 32, 18, 3), np.uint8)
    assert resize_frames(frames, None) is frames
    assert resize_frames(frames, Squash(32, 18)) is frames
