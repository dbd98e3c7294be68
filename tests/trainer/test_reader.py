"""The trainer's reader on small examples that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from livecc.trainer.chunking import MAX_FRAMES
from livecc.trainer.reader import (
    UnreadableSampleError,
    chunk_times,
    constant_rate,
    deliver,
    sampled_frames,
)


def test_two_frames_a_second_from_the_first_in_the_clip() -> None:
    pts = constant_rate(25, 20)
    frames = sampled_frames(pts, 1.01, 4.6)
    # The first frame after 1.01 s, then the first not before each half second; one is repeated.
    assert pts[frames] == pytest.approx([1.04, 1.56, 2.04, 2.56, 3.04, 3.56, 4.04, 4.56])
    assert chunk_times(pts[frames]) == pytest.approx([3.56, 4.56])


def test_an_odd_number_of_frames_is_filled_with_the_last() -> None:
    pts = constant_rate(30, 20)
    frames = sampled_frames(pts, 1.0, 4.2)
    assert pts[frames][-2:] == pytest.approx([4.0, 4.0])
    assert len(frames) == 8


def test_never_more_than_480_frames() -> None:
    assert len(sampled_frames(constant_rate(24, 600), 3.0, 590.0)) == MAX_FRAMES


def test_a_clip_without_frames_is_an_error() -> None:
    with pytest.raises(UnreadableSampleError, match=r"no frame between 30.00 s and 40.00 s"):
        sampled_frames(constant_rate(24, 20), 30.0, 40.0)
    with pytest.raises(UnreadableSampleError, match="it has 4 frames"):
        chunk_times(np.arange(4.0))


def test_words_are_said_by_the_chunk_that_ends_behind_them() -> None:
    delivery = deliver([0.5, 2.5, 2.6, 4.5], np.array([2.5, 3.5, 4.5]))
    assert delivery.chunk.tolist() == [0, 0, 1, 2]
    assert delivery.complete


def test_words_behind_the_last_chunk_are_lost() -> None:
    delivery = deliver([0.5, 4.6, 4.0], np.array([2.5, 3.5, 4.5]))
    # The third would be said in time, but waits for the second.
    assert delivery.said.tolist() == [1, 0, 0]
    assert delivery.chunk.tolist() == [0, -1, -1]
    with pytest.raises(UnreadableSampleError, match="no word ends before"):
        deliver([5.0], np.array([2.5, 3.5, 4.5]))


def test_a_word_waits_for_the_one_before_it() -> None:
    delivery = deliver([3.4, 2.0, 4.0], np.array([2.5, 3.5, 4.5]))
    assert delivery.chunk.tolist() == [1, 1, 2]
    assert delivery.waits.tolist() == [False, True, False]


def test_chunks_behind_the_last_word_say_it_again() -> None:
    assert deliver([1.0, 2.0], np.array([2.5, 3.5, 4.5])).said.tolist() == [1, 3]
