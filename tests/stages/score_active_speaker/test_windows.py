from __future__ import annotations

import numpy as np
import pytest

from livecc.stages.score_active_speaker import mfcc
from livecc.stages.score_active_speaker.windows import (
    frames_in_step,
    frames_inside,
    frames_on_grid,
    windows,
)


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


def shown(*moments: float, until: float) -> np.ndarray:
    return np.stack([moments, [*moments[1:], until]], axis=1)


@pytest.mark.parametrize("rate", [12, 25, 30, 60])
def test_even_videos_are_spread_evenly_in_either_mode(rate: int) -> None:
    times = shown(*(np.arange(20 * rate) / rate), until=20)
    inside = frames_inside(times, 5, 18)
    spread = frames_on_grid(inside, 324)
    assert frames_in_step(times, inside, 5, 324).tolist() == spread.tolist()


def test_uneven_frames_are_those_shown_at_the_time() -> None:
    # 4 s at 2 frames a second, then 4 s at 25.
    times = shown(*(np.arange(8) / 2), *(4 + np.arange(100) / 25), until=8)
    inside = frames_inside(times, 0, 8)
    grid = frames_in_step(times, inside, 0, 200)
    # What is shown in the middle of a grid point's 0.04 s.
    assert grid[[0, 11, 13, 99, 100, 101, 199]].tolist() == [0, 0, 1, 7, 8, 9, 107]
    assert frames_on_grid(inside, 200)[100] == 54


def test_frames_that_are_missing_do_not_shift_the_others() -> None:
    """The picture stands still from 2 to 5 s, as after an outage."""
    moments = [k / 25 for k in range(200) if not 50 < k < 125]
    times = shown(*moments, until=8)
    grid = frames_in_step(times, frames_inside(times, 1, 8), 1, 175)
    assert times[grid, 0][[0, 24, 25, 60, 99, 100, 174]].tolist() == pytest.approx(
        [1, 1.96, 2, 2, 2, 5, 7.96]
    )


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
