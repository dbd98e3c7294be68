"""The written window: the reader says every word once, at the frame rates that videos have."""

from __future__ import annotations

import random

import pytest

from livecc.trainer.chunking import MAX_FRAMES
from livecc.trainer.reader import chunk_times, constant_rate, deliver, sampled_frames
from livecc.trainer.window import longest_words, video_window

RATES = (4.5, 5, 6, 8, 10, 12, 15, 23.976, 24, 25, 29.97, 30, 50, 60)
MAX_CLIP = 240.0


def made_up_spans(count: int) -> list[tuple[float, float]]:
    """First starts and last ends of clips, at the beginning of videos and elsewhere."""
    choose = random.Random(1)
    spans = []
    for _ in range(count):
        digits = choose.choice([1, 2, 3])
        start = round(choose.choice([0.0, choose.uniform(0, 1), choose.uniform(0, 7200)]), digits)
        length = choose.uniform(2.6, longest_words(MAX_CLIP))
        # Rounding must not make it longer.
        spans.append((start, min(round(start + length, digits), start + longest_words(MAX_CLIP))))
    return spans


@pytest.mark.parametrize("fps", RATES)
def test_the_last_word_is_said_once(fps: float) -> None:
    pts = constant_rate(fps, 7500)
    for start, end in made_up_spans(500):
        window = video_window(start, end)
        frames = sampled_frames(pts, *window)
        delivery = deliver([start + 0.1, end], chunk_times(pts[frames]))
        assert delivery.said.tolist() == [1, 1], (start, end, window)
        assert window.end - window.start <= MAX_CLIP
        assert len(frames) <= MAX_FRAMES


def test_it_needs_little_of_the_video_behind_the_last_word() -> None:
    assert video_window(10.0, 47.3).end == pytest.approx(47.85)
    assert 9.0 < video_window(10.0, 47.3).start <= 10.0


def test_a_clip_at_the_beginning_starts_there() -> None:
    assert video_window(0.0, 31.0).start == 0.0
    # It would end just behind a chunk, whose last frame might say the last word too early.
    assert video_window(0.0, 31.55).start == pytest.approx(0.15)


def test_the_longest_words_fill_the_longest_window() -> None:
    length = longest_words(MAX_CLIP)
    start, end = video_window(100.0, 100.0 + length)
    assert MAX_CLIP - 1 < end - start <= MAX_CLIP
    start, end = video_window(100.0, 100.0 + length + 0.01)
    assert end - start > MAX_CLIP
    for tenths in range(2000):
        start, end = video_window(tenths / 10, (tenths + 2394) / 10)
        assert end - start <= MAX_CLIP + 1e-9
    # The reader's frames are a limit of their own.
    assert longest_words(1000) == longest_words(240)
    assert longest_words(1.0) < 0
