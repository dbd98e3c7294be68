"""Words of caption lines against a word-by-word version, and rounding against Python's."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livecc.stages.clip_captions.words import (
    _SHORT_SPACES,
    _WIDE_SPACES,
    round_to_tenths,
    time_words,
)


def bits(values: list[float]) -> list[bytes]:
    return [struct.pack("d", value) for value in values]


@settings(max_examples=400)
@given(
    st.lists(
        st.one_of(
            st.floats(-1e300, 1e300),
            st.floats(-1e5, 1e5),
            # Around a half of a tenth, where numpy's own rounding goes wrong.
            st.tuples(st.integers(-(10**7), 10**7), st.integers(-3, 3)).map(
                lambda pair: (pair[0] + 0.5) / 10 + pair[1] * 2.0**-40
            ),
            st.integers(-(10**7), 10**7).map(lambda hundredths: hundredths / 100),
            st.integers(-(2**30), 2**30).map(lambda eighths: eighths / 80),
        )
    )
)
@example([-0.04, 0.0, -0.0, 0.05, 0.15, 0.25, 0.35, 2.5, 8.25, 1e15 + 0.25, 4.5e14 + 0.0625])
def test_rounding_is_pythons(values: list[float]) -> None:
    rounded = round_to_tenths(np.array(values, np.float64))
    assert bits(rounded.tolist()) == bits([round(value, 1) for value in values])


def test_rounding_every_neighbour_of_a_half() -> None:
    halves = np.concatenate([np.arange(0, 20_000), np.arange(2**40, 2**40 + 2000)]) / 10 + 0.05
    values = np.concatenate([halves, np.nextafter(halves, np.inf), np.nextafter(halves, -np.inf)])
    expected = [round(value, 1) for value in values.tolist()]
    assert round_to_tenths(values).tolist() == expected
    # The test bites: the short way gives other numbers.
    assert (np.rint(values * 10) / 10).tolist() != expected


def literal_words(
    texts: list[str],
    start: list[float],
    end: list[float],
    *,
    empty_words: bool,
    drop_repeated: bool,
    by_length: bool,
    segmented: tuple[int, ...] = (),
) -> tuple[list[tuple[float, float, str]], list[int]]:
    words, per_line = [], []
    for line, (text, s, e) in enumerate(zip(texts, start, end, strict=True)):
        tokens = text.split(" ") if empty_words else text.split()
        kept: list[str] = []
        for token in tokens:
            if not drop_repeated or not kept or token != kept[-1]:
                kept.append(token)
        per_line.append(len(kept))
        if not kept:
            continue
        shares = [1] * len(kept)
        if by_length:
            shares = [len(token) for token in kept]
        if by_length and line not in segmented:
            for k, token in enumerate(kept):
                shares[k] += 2 + (6 if token[-1] in ",;:" else 10 if token[-1] in ".?!" else 0)
        d = (e - s) / sum(shares)
        words += [
            (round(s + sum(shares[:k]) * d, 1), round(s + sum(shares[: k + 1]) * d, 1), token)
            for k, token in enumerate(kept)
        ]
    return words, per_line


TEXTS = st.one_of(
    st.text(alphabet="ab \t\n\u3000\xa0", max_size=12),
    st.lists(
        st.sampled_from(["a", "b", "", "né", "مرحبا", "你好", "🙂", "the", "so,", "no.", "?"]),
        max_size=9,
    ).map(" ".join),
    st.text(max_size=10),
)
TIMES = st.one_of(
    st.floats(-1e300, 1e300), st.floats(0, 4000), st.integers(0, 400_000).map(lambda x: x / 100)
)


@settings(max_examples=400)
@given(
    st.lists(st.tuples(TEXTS, TIMES, TIMES), max_size=12),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sets(st.integers(0, 11)),
)
def test_words_are_those_of_a_loop(
    lines: list[tuple[str, float, float]],
    empty_words: bool,
    drop_repeated: bool,
    by_length: bool,
    segmented: set[int],
) -> None:
    texts = [line[0] for line in lines]
    start, end = [line[1] for line in lines], [line[2] for line in lines]
    # The original's words are of equal length.
    by_length = by_length and not empty_words
    segments = tuple(sorted(n for n in segmented if by_length and n < len(lines)))
    how = {"empty_words": empty_words, "drop_repeated": drop_repeated}
    how |= {"by_length": by_length, "segmented": segments}
    timed = time_words(texts, np.array(start, np.float64), np.array(end, np.float64), **how)
    words, per_line = literal_words(texts, start, end, **how)
    assert list(timed.words(0, len(words))) == [word for _, _, word in words]
    assert timed.per_line.tolist() == per_line
    assert bits(timed.start.tolist()) == bits([s for s, _, _ in words])
    assert bits(timed.end.tolist()) == bits([e for _, e, _ in words])


def test_a_word_repeated_across_lines_stays() -> None:
    timed = time_words(
        ["so so", "so we we go"],
        np.array([0.0, 1.0]),
        np.array([1.0, 4.0]),
        empty_words=False,
        drop_repeated=True,
        by_length=False,
    )
    assert list(timed.words(0, 4)) == ["so", "so", "we", "go"]
    assert timed.start.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_words_share_a_line_by_their_length_and_the_pause_behind_them() -> None:
    how = {"empty_words": False, "drop_repeated": False}
    texts, start = ["Well, I am very hungry.", "Well, I am very hungry."], np.array([0.0, 0.0])
    for by_length, expected in (
        # 13, 3, 4, 6 and 19 of 45 shares.
        (True, [0.0, 1.3, 1.6, 2.0, 2.6]),
        (False, [0.0, 0.9, 1.8, 2.7, 3.6]),
    ):
        timed = time_words(texts, start, start + 4.5, by_length=by_length, **how)
        assert timed.start.tolist() == [*expected, *expected]
        assert timed.end.tolist() == [*expected[1:], 4.5, *expected[1:], 4.5]


def test_no_lines_no_words() -> None:
    none = np.array([])
    for by_length in (False, True):
        timed = time_words(
            [], none, none, empty_words=not by_length, drop_repeated=True, by_length=by_length
        )
        assert list(timed.words(0, 0)) == []
        assert len(timed.start) == len(timed.end) == len(timed.per_line) == 0


def test_white_space_is_what_str_split_splits_at() -> None:
    spaces = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert spaces == {" ", *_SHORT_SPACES.decode(), *_WIDE_SPACES}


def test_words_come_in_any_slice() -> None:
    texts = ["a", "", "bc  bc", " ", "d"]
    times = np.arange(5.0)
    for empty_words, words in (
        (False, ["a", "bc", "d"]),
        (True, ["a", "", "bc", "", "bc", "", "d"]),
    ):
        timed = time_words(
            *(texts, times, times + 1),
            empty_words=empty_words,
            drop_repeated=True,
            by_length=not empty_words,
        )
        for first in range(len(words) + 1):
            for last in range(first, len(words) + 1):
                assert list(timed.words(first, last)) == words[first:last]
