"""Text of a data set on a terminal."""

from __future__ import annotations

import pytest

from livecc.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u0915\u094d\u200d\u0937 text", "plain \u0915\u094d\u200d\u0937 text"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("a\nb\rc\x00", "a\ufffdb\ufffdc\ufffd"),
        # Turns the reading direction around.
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_what_a_terminal_would_obey_is_not_printed(text: str, shown: str) -> None:
    assert printable(text) == shown
