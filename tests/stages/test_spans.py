"""The greedy walk against a loop over words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.stages import spans
from livecc.stages.spans import greedy_spans


def literal_spans(
    times: list[float],
    longest: float,
    gap: float,
    last: bool,
    begin: list[bool] | None = None,
    lengths: list[float] | None = None,
) -> list[tuple[int, int]]:
    found = []
    i, n = 0, len(times)
    ends = [time + length for time, length in zip(times, lengths or [0.0] * n, strict=True)]
    while i < (n if last else n - 1):
        if begin is not None and not begin[i]:
            i += 1
            continue
        j = i + 1
        while j < n and not (ends[j] - times[i] > longest or times[j] - ends[j - 1] > gap):
            j += 1
        if j == n and not last:
            j = n - 1
        found.append((i, j))
        i = j
    return found


def walked(times: Any, *limits: float, last: bool, begin: Any = None, lengths: Any = 0) -> Any:
    """`greedy_spans` of words that start at `times` and last for `lengths`."""
    ends = times + lengths
    pause = times[1:] - ends[:-1]
    return greedy_spans(times, ends, pause, *limits, last_word_belongs=last, may_begin=begin)


STEPS = st.one_of(st.integers(-5, 60).map(lambda x: x / 10), st.floats(-1e9, 1e9))
RISING_STEPS = st.one_of(st.sampled_from([0.0, 0.1, 0.3]), st.floats(0, 1e9))


@settings(max_examples=400)
@given(
    st.one_of(
        st.lists(st.tuples(STEPS, st.booleans()), max_size=60),
        st.lists(st.tuples(RISING_STEPS, st.booleans()), max_size=60),
    ),
    st.sampled_from([0.0, 0.3, 2.0, 240.0]),
    st.sampled_from([0.1, 0.3, 3.0]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2, 1024]),
)
def test_walk_is_that_of_a_loop(
    steps: list[tuple[float, bool]],
    longest: float,
    gap: float,
    last: bool,
    restricted: bool,
    lasting: bool,
    window: int,
) -> None:
    times = np.cumsum([step for step, _ in steps]) if steps else np.array([])
    begin = [flag for _, flag in steps] if restricted else None
    lengths = [0.2 * flag for _, flag in steps] if lasting else [0.0] * len(steps)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "_WINDOW", window)
        found = walked(
            times,
            longest,
            gap,
            last=last,
            begin=None if begin is None else np.array(begin, np.bool_),
            lengths=np.array(lengths, np.float64),
        )
    assert found == literal_spans(times.tolist(), longest, gap, last, begin, lengths)
    flat = [edge for span in found for edge in span]
    assert flat == sorted(flat)
    assert all(i < j for i, j in found)
    if last and not restricted and steps:
        assert (found[0][0], found[-1][1]) == (0, len(steps))


def test_last_word() -> None:
    times = np.array([0.0, 1.0, 2.0])
    assert walked(times, 240, 3, last=True) == [(0, 3)]
    assert walked(times, 240, 3, last=False) == [(0, 2)]
    assert walked(times[:1], 240, 3, last=False) == []


def test_rising_tenths_are_compared_as_a_loop_does() -> None:
    # 0.1 + 240 and 240.1 - 0.1 are rounded apart in many of these places.
    for offset in range(200):
        times = np.round((np.arange(5000) + offset) / 10, 1)
        found = walked(times, 240, 3, last=True)
        assert found[0] == literal_spans(times[:2500].tolist(), 240, 3, True)[0]
