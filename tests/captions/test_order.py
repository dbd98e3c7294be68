"""Lines in order of time, cut where the next begins, against loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from livecc.captions.order import TOGETHER_SECONDS, cut_overlaps, order_of

LINES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 60).map(lambda x: x / 20),
        st.integers(1, 60).map(lambda x: x / 20),
        st.integers(0, 9),
    ),
    max_size=14,
)


@settings(max_examples=400)
@given(LINES)
def test_order_and_cut(lines: list[tuple[int, float, float, int]]) -> None:
    lines = sorted(lines, key=lambda line: line[0])
    track = np.array([line[0] for line in lines], np.int64)
    start = np.array([line[1] for line in lines], np.float64)
    order, back = order_of(start, track)
    expected = sorted(range(len(lines)), key=lambda n: (track[n], start[n], n))
    assert (list(range(len(lines))) if order is None else order.tolist()) == expected
    assert back.tolist() == [
        n for n in range(1, len(lines)) if track[n] == track[n - 1] and start[n] < start[n - 1]
    ]
    track, start = track[expected], start[expected]
    end = start + np.array([line[2] for line in lines], np.float64)[expected]
    sizes = np.array([line[3] for line in lines], np.int64)[expected]
    cut = cut_overlaps(start, end, track, sizes)
    followed = [n for n in range(len(lines) - 1) if track[n] == track[n + 1]]
    assert cut.overlaps.tolist() == [n for n in followed if end[n] > start[n + 1]]
    for n in followed:
        assert cut.start[n] <= cut.end[n] <= cut.start[n + 1]
        if end[n] > start[n + 1] and start[n + 1] - start[n] >= TOGETHER_SECONDS - 1e-9:
            assert cut.end[n] == cut.start[n + 1]
    for n in range(len(lines)):
        # Every line has some of the time.
        assert cut.end[n] > cut.start[n]
        assert cut.start[n] >= start[n] - TOGETHER_SECONDS * len(lines)
        if n not in cut.overlaps and n - 1 not in cut.overlaps:
            assert (cut.start[n], cut.end[n]) == (start[n], end[n])


def test_lines_that_begin_together_share_by_length() -> None:
    start, end = np.array([1.0, 1.0, 1.0, 5.0]), np.array([4.0, 3.0, 9.0, 6.0])
    cut = cut_overlaps(start, end, np.zeros(4, np.int64), np.array([10, 20, 10, 7]))
    assert cut.start.tolist() == [1.0, 2.0, 4.0, 5.0]
    assert cut.end.tolist() == [2.0, 4.0, 5.0, 6.0]
    assert cut.overlaps.tolist() == [0, 1, 2]
