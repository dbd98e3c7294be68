"""Arithmetic with bounds."""

from __future__ import annotations

import pytest

from livecc.planning.ranges import Range


def test_bounds_hold_whatever_is_done_with_them() -> None:
    one, other = Range(2, 6), Range(1, 3)
    assert one + other == Range(3, 9)
    assert one * other == Range(2, 18)
    assert one * 2 == Range(4, 12)
    assert one / other == Range(2 / 3, 6)
    assert one / 2 == Range(1, 3)
    assert one.less(1) == Range(1, 6)
    assert one.less(4) == Range(0, 6)
    with pytest.raises(ZeroDivisionError):
        one / Range(0, 1)
