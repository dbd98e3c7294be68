"""The types of arguments."""

from __future__ import annotations

import argparse

import pytest

from livecc import cli


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("12", 12)])
def test_whole_numbers(text: str, value: int) -> None:
    assert cli.at_least(0)(text) == value


@pytest.mark.parametrize(("least", "text"), [(0, "-1"), (1, "0"), (0, "1.5"), (0.0, "nan")])
def test_numbers_below_or_none(least: float, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a"):
        cli.at_least(least)(text)
