"""Rolling captions are recognised and undone; speech that repeats is not touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from livecc.captions.tracks import KINDS, LEFT_OUT, clean_tracks

SAID = ["so this is", "a rolling caption", "of yes yes", "yes it is", "the end of it"]


def clean(lines: list[tuple[float, float, str]]) -> tuple[list[str], dict[str, int]]:
    """The cleaned texts, and all counts."""
    start, end = (np.array([line[n] for line in lines], np.float64) for n in (0, 1))
    cleaned = clean_tracks([text for _, _, text in lines], start, end, np.zeros(len(lines), int), 1)
    counts = dict(zip(KINDS, cleaned.counts[0].tolist(), strict=True))
    counts |= dict(zip(LEFT_OUT, cleaned.left_out[0].tolist(), strict=True))
    return cleaned.texts, {name: count for name, count in counts.items() if count}


def youtube(rows: list[str], join: str = "\n") -> list[tuple[float, float, str]]:
    lines: list[tuple[float, float, str]] = []
    before = ""
    for n, row in enumerate(rows):
        lines += [(2.0 * n, 2.0 * n + 1.99, f"{before}{join}{row}")]
        lines += [(2.0 * n + 1.99, 2.0 * n + 2, row)]
        before = row
    return lines


@pytest.mark.parametrize("join", ["\n", " "])
def test_youtube(join: str) -> None:
    texts, counts = clean(youtube(SAID, join))
    assert texts == [f"{join}{SAID[0]}", *SAID[1:]]
    assert counts == {"rolling lines": 4, "repeats the line before": 5}


def test_every_line_twice_or_three_times() -> None:
    for copies in (2, 3):
        lines = [(2.0 * n, 2.0 * n + 2, row) for n, row in enumerate(SAID) for _ in range(copies)]
        texts, counts = clean(lines)
        assert texts == SAID
        assert counts == {"repeats the line before": (copies - 1) * len(SAID)}


def test_three_rows_and_scripts_without_spaces() -> None:
    rows = ["今天我们", "折一只纸船", "先拿一张", "方形的纸", "对折"]
    windows = ["".join(rows[max(0, n - 2) : n + 1]) for n in range(len(rows))]
    texts, _ = clean([(2.0 * n, 2.0 * n + 2, text) for n, text in enumerate(windows)])
    assert texts == rows


def test_text_that_grows() -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    texts, _ = clean([(n, n + 1, " ".join(words[: n + 1])) for n in range(6)])
    assert texts == words


@pytest.mark.parametrize(
    "lines",
    [
        # A refrain, and lines that begin with the word before.
        ["let it be", "let it be", "whisper words", "of wisdom", "let it be", "there is"],
        ["a line that ends with that", "that begins the next", "next to this", "this ends"],
    ],
)
def test_speech_that_repeats_stays(lines: list[str]) -> None:
    texts, counts = clean([(2.0 * n, 2.0 * n + 2, text) for n, text in enumerate(lines)])
    assert (texts, counts) == (lines, {})


def test_a_chant_with_pauses_stays() -> None:
    lines: list[Any] = [(3.0 * n, 3.0 * n + 1, "goal goal goal") for n in range(8)]
    assert clean(lines) == (["goal goal goal"] * 8, {})


def test_tracks_are_judged_alone() -> None:
    rolling, plain = youtube(SAID), [(2.0 * n, 2.0 * n + 2, text) for n, text in enumerate(SAID)]
    lines = rolling + plain + rolling
    track = np.repeat([0, 1, 3], [len(rolling), len(plain), len(rolling)])
    start, end = (np.array([line[n] for line in lines], np.float64) for n in (0, 1))
    cleaned = clean_tracks([line[2] for line in lines], start, end, track, 4)
    assert [text.strip() for text in cleaned.texts] == SAID * 3
    assert cleaned.counts[:, KINDS.index("rolling lines")].tolist() == [4, 0, 0, 4]
    for index, text in zip(cleaned.line.tolist(), cleaned.texts, strict=True):
        assert lines[index][2].endswith(text)
