"""A video's side: by its name alone, for ever."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecc.formats.splits import SPLITS, Split

_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_fractions = st.floats(0, 0.5, exclude_max=True)


def test_known_sides() -> None:
    """These never change: whoever has held out a video trains on it otherwise."""
    split = Split(validation=0.2, test=0.2)
    assert {name: split.name_of(f"{name}.mp4") for name in "abcdefghij"} == KNOWN


KNOWN = {
    "a": "train",
    "b": "validation",
    "c": "test",
    "d": "train",
    "e": "train",
    "f": "train",
    "g": "test",
    "h": "train",
    "i": "test",
    "j": "test",
}


@given(_names, _fractions, _fractions)
def test_the_ending_and_the_spelling_of_a_path_do_not_count(
    name: str, validation: float, test: float
) -> None:
    split = Split(validation, test)
    base = f"folder/{name.replace('/', '_')}x"
    sides = {
        split.name_of(path)
        for path in (f"{base}.mp4", f"{base}.webm", f"./{base}.mp4", f"folder/../{base}.mkv")
    }
    assert len(sides) == 1
    assert sides <= set(split.names)


@given(_names, st.tuples(_fractions, _fractions), st.tuples(_fractions, _fractions))
def test_larger_fractions_take_from_training_alone(
    name: str, one: tuple[float, float], other: tuple[float, float]
) -> None:
    small = Split(min(one[0], other[0]), min(one[1], other[1]))
    large = Split(max(one[0], other[0]), max(one[1], other[1]))
    if small.name_of(name) != "train":
        assert large.name_of(name) == small.name_of(name)


@pytest.mark.parametrize("fractions", [(0.005, 0.0), (0.1, 0.02), (0.0, 0.3), (0.5, 0.49)])
def test_fractions_hold(fractions: tuple[float, float]) -> None:
    split = Split(*fractions)
    count = 50_000
    sides = [split.name_of(f"{n:011d}.mp4") for n in range(count)]
    for name, part in zip(SPLITS[1:], fractions, strict=True):
        spread = math.sqrt(count * part * (1 - part))
        assert abs(sides.count(name) - count * part) <= 4 * spread


@given(_names)
def test_nothing_is_held_out_by_default(name: str) -> None:
    assert Split().name_of(name) == "train"
    assert Split().names == ("train",)
    assert Split().to_json() == {}
    assert Split(validation=1.0).name_of(name) == "validation"
    assert Split(test=1.0).name_of(name) == "test"


def test_what_is_recorded_is_read() -> None:
    split = Split(validation=0.005)
    assert split.to_json() == {"validation": 0.005}
    assert Split.of(split.to_json()) == split
    assert split.names == ("train", "validation")
