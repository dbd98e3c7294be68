from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.faces.boxes import iou, suppress

BOX = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 15), st.integers(1, 15)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Intersection over union by counting the unit squares of two boxes with whole sides."""
    cells = [
        {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])} for box in (a, b)
    ]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


@given(st.lists(BOX, min_size=1, max_size=5), st.lists(BOX, min_size=1, max_size=5))
def test_iou_counts_squares(boxes, others) -> None:
    table = iou(np.array(boxes, np.float32), np.array(others, np.float32))
    expected = [[overlap(a, b) for b in others] for a in boxes]
    np.testing.assert_allclose(table, expected, atol=1e-6)


def test_iou_with_pixel_coordinates() -> None:
    one, other = np.array([[0, 0, 9, 9]], np.float32), np.array([[5, 0, 14, 9]], np.float32)
    assert iou(one, other, border=1)[0, 0] == pytest.approx(50 / 150)
    assert iou(one, other)[0, 0] == pytest.approx(36 / 126)


@given(
    st.lists(st.tuples(BOX, st.integers(0, 5)), max_size=8), st.sampled_from([0.0, 0.3, 0.4, 0.9])
)
def test_suppression_keeps_what_overlaps_nothing_better(found, threshold: float) -> None:
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score in found], np.float32)
    expected: list[int] = []
    for k in sorted(range(len(found)), key=lambda k: (-found[k][1], k)):
        if all(overlap(found[k][0], found[other][0]) <= threshold + 1e-7 for other in expected):
            expected.append(k)
    assert suppress(boxes, scores, threshold + 1e-7).tolist() == expected
