from __future__ import annotations

import numpy as np
import pytest

from livecc.stages.score_active_speaker.crops import crop_faces, cut_faces
from livecc.stages.score_active_speaker.tracks import Track


def reference(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The same with torch's antialiased resize, which torchvision's crops use."""
    import torch

    left, top, right, bottom = box
    grey = torch.from_numpy(frame).float() @ torch.tensor([0.2989, 0.5870, 0.1140])
    height, width = grey.shape
    sides = (max(0, -left), max(0, right - width), max(0, -top), max(0, bottom - height))
    wide = torch.nn.functional.pad(grey, sides)
    part = wide[top + sides[2] : bottom + sides[2], left + sides[0] : right + sides[0]]
    resized: np.ndarray = torch.nn.functional.interpolate(
        part[None, None], (112, 112), mode="bilinear", antialias=True
    )[0, 0].numpy()
    return resized


@pytest.mark.parametrize(
    "box",
    [(10, 20, 60, 90), (0, 0, 288, 160), (-9, -5, 40, 60), (250, 100, 300, 170), (5, 5, 6, 6)],
)
def test_crops_are_those_of_torch(box: tuple[int, int, int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 160, 288, 3), np.uint8)
    crops = crop_faces(cut_faces(frames, Track(1, np.array([box, box]))))
    assert crops.shape == (2, 112, 112)
    for crop, frame in zip(crops, frames[1:], strict=True):
        assert np.abs(crop - reference(frame, box)).max() < 2e-3


def test_what_lies_outside_is_black() -> None:
    frame = np.full((20, 30, 3), 200, np.uint8)
    partly, outside = cut_faces([frame] * 2, Track(0, np.array([(-4, 15, 6, 25), (40, 0, 50, 9)])))
    assert partly.shape == (10, 10, 3)
    assert (partly[:5, 4:] == 200).all()
    assert not partly[5:].any()
    assert not partly[:, :4].any()
    assert outside.shape == (9, 10, 3)
    assert not outside.any()
