from __future__ import annotations

import numpy as np
import pytest

from livecc.stages.score_active_speaker.tracks import follow, whole_boxes


def boxes(*corners: tuple[int, int, int, int]) -> np.ndarray:
    return np.array(corners, np.int64).reshape(-1, 4)


HERE, NEAR, THERE = (0, 0, 40, 40), (2, 2, 42, 42), (100, 0, 140, 40)


def test_a_face_that_moves_little_is_one_track() -> None:
    frames = [boxes((k, k, k + 40, k + 40)) for k in range(10)]
    (track,) = follow(frames)
    assert track.first == 0
    assert track.boxes.tolist() == [[k, k, k + 40, k + 40] for k in range(10)]


def test_two_faces_are_two_tracks_whatever_their_order() -> None:
    frames = [boxes(HERE, THERE) if k % 2 else boxes(THERE, HERE) for k in range(6)]
    assert sorted(track.boxes[-1].tolist() for track in follow(frames)) == [
        list(HERE),
        list(THERE),
    ]


@pytest.mark.parametrize(("frames", "tracks"), [(4, 0), (5, 1)])
def test_short_tracks_are_dropped(frames: int, tracks: int) -> None:
    assert len(follow([boxes(HERE)] * frames)) == tracks


def test_a_frame_without_the_face_ends_its_track() -> None:
    tracks = follow([boxes(HERE)] * 6 + [boxes()] + [boxes(HERE)] * 7)
    assert [(track.first, len(track.boxes)) for track in tracks] == [(0, 6), (7, 7)]
    # Also when another face is still there.
    tracks = follow([boxes(HERE, THERE)] * 6 + [boxes(THERE)] + [boxes(HERE, THERE)] * 7)
    assert [(track.first, len(track.boxes)) for track in tracks] == [(0, 6), (0, 14), (7, 7)]


def test_a_jump_ends_a_track_and_starts_one() -> None:
    tracks = follow([boxes(HERE)] * 5 + [boxes(THERE)] * 5)
    assert [track.first for track in tracks] == [0, 5]


def test_exactly_the_least_overlap_is_not_enough() -> None:
    # 70 of 100 pixels: intersection over union is 0.7 in float32 as well.
    tracks = follow([boxes((0, 0, 10, 10))] * 5 + [boxes((0, 0, 10, 7))] * 5)
    assert [track.first for track in tracks] == [0, 5]


@pytest.mark.parametrize("order", [1, -1])
def test_the_better_of_two_boxes_joins_and_the_other_is_dropped(order: int) -> None:
    frames = [boxes(HERE)] * 5 + [boxes(*[HERE, NEAR][::order])] + [boxes(NEAR)] * 5
    (track,) = follow(frames)
    assert track.boxes[5].tolist() == list(HERE)
    assert len(track.boxes) == 11


def test_of_equally_good_boxes_the_first_joins() -> None:
    left, right = (-2, 0, 38, 40), (2, 0, 42, 40)
    (track,) = follow([boxes(HERE)] * 5 + [boxes(left, right)])
    assert track.boxes[5].tolist() == list(left)


def test_boxes_are_cut_towards_zero_and_must_have_an_area() -> None:
    faces = np.array([[-1.7, 2.9, 10.9, 9.2, 0.8], [3.1, 3.1, 3.9, 9, 0.6]], np.float32)
    assert whole_boxes(faces).tolist() == [[-1, 2, 10, 9]]
    assert whole_boxes(np.zeros((0, 5), np.float32)).shape == (0, 4)
