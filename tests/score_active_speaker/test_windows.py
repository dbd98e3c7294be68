from __future__ import annotations

import numpy as np
import pytest

from livecc.score_active_speaker import mfcc
from livecc.score_active_speaker.windows import frames_inside, frames_on_grid, windows


@pytest.mark.parametrize("mode", ["paper", "default"])
@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (150, [(0, 150)]),
        (899, [(0, 150)]),
        (900, [(0, 150), (750, 900)]),
        (6000, [(750 * k, 750 * k + 150) for k in range(8)]),
    ],
)
def test_a_window_of_6_s_every_30_s(mode: str, points: int, expected: list) -> None:
    assert windows(points, mode) == expected


def test_short_clips_have_one_short_window_in_default_mode_only() -> None:
    assert windows(149, "paper") == []
    assert windows(149, "default") == [(0, 149)]
    assert windows(5, "default") == [(0, 5)]
    assert windows(4, "default") == []


def test_frames_lie_wholly_inside_the_span() -> None:
    # As a decoder computes them: 0.04 s is not exactly 1 / 25 in single precision.
    begin = (np.arange(50) / 25).astype(np.float32).astype(np.float64)
    times = np.stack([begin, begin + 0.04], axis=1)
    assert frames_inside(times, 0.04, 0.4).tolist() == list(range(1, 10))
    assert frames_inside(times, 0.05, 0.39).tolist() == list(range(2, 9))
    assert frames_inside(times, 3, 4).tolist() == []


@pytest.mark.parametrize("rate", [5, 25, 30, 60])
def test_the_grid_is_spread_evenly_over_the_frames(rate: int) -> None:
    frames = np.arange(100, 100 + 6 * rate)
    grid = frames_on_grid(frames, 150)
    assert len(grid) == 150
    assert (grid[0], grid[-1]) == (frames[0], frames[-1])
    assert np.abs(np.diff(grid) - rate / 25).max() <= 1
    if rate == 25:
        assert grid.tolist() == frames.tolist()


@pytest.mark.parametrize("samples", [1, 399, 400, 401, 560, 561, 16_000, 96_001])
def test_mfccs_are_counted_without_making_them(samples: int) -> None:
    sound = np.random.default_rng(0).normal(size=samples).astype(np.float32)
    values = mfcc.mfcc(sound)
    assert values is not None
    assert values.shape == (mfcc.count(samples), 13)


def test_loudness_does_not_matter_and_silence_has_none() -> None:
    sound = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    loud, quiet = mfcc.mfcc(sound), mfcc.mfcc(sound / 128)
    assert loud is not None
    assert quiet is not None
    assert np.array_equal(loud, quiet)
    assert mfcc.mfcc(np.zeros(8000, np.float32)) is None
    assert mfcc.count(0) == 0
