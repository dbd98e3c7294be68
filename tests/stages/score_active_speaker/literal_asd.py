"""Active speakers the straightforward way: frame by frame, face by face, in plain loops and torch.

What REFERENCE says of the original, step after step, with nothing shared with the stage but the
detector's network, Light-ASD's weights and the sound of the file.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import python_speech_features
import torch

from livecc.faces.detector import FaceDetector
from livecc.media.audio import read_audio
from livecc.media.decord_library import import_decord
from livecc.stages.score_active_speaker.network import LightASD

Box = tuple[int, int, int, int]


def share(path: Path, start: float, end: float, detector: FaceDetector, network: LightASD) -> float:
    """The share of the sampled frames in which a face speaks, two decimals; paper mode."""
    decord = import_decord()
    sound = read_audio(path).samples[int(start * 16_000) : int(end * 16_000) + 1]
    sound = (sound / np.abs(sound).max() * 32767).astype(np.int16)
    mfcc = python_speech_features.mfcc(sound)
    points = len(mfcc) // 4
    # The program streams of GRID can only be read through PyAV; here files are mp4.
    reader = decord.VideoReader(str(path), width=288, height=160, num_threads=2)
    shown = reader.get_frame_timestamp(range(len(reader)))
    inside = [
        k
        for k, (begin, gone) in enumerate(shown)
        if begin >= np.float32(start) and gone <= np.float32(end)
    ]
    spread = np.linspace(0, len(inside) - 1, points).round().astype(int)
    grid = [inside[k] for k in spread]
    speaking = sampled = 0
    tubes: list[
        tuple[int, int, torch.Tensor, torch.Tensor]
    ] = []  # window, first frame, faces, mfcc
    windows = [range(last - 149, last + 1) for last in range(149, points, 750)]
    for number, window in enumerate(windows):
        frames = reader.get_batch([grid[k] for k in window]).asnumpy()
        sampled += len(frames)
        for track in _tracks(_boxes(frames, detector)):
            first, length = track[0][0], len(track)
            faces = torch.stack([_crop(frames[k], box) for k, box in track])
            heard = 4 * (window[0] + first)
            tubes.append(
                (number, first, faces, torch.from_numpy(mfcc[heard : heard + 4 * length]).float())
            )
    if not tubes:
        return 0.0
    pad = torch.nn.utils.rnn.pad_sequence
    with torch.inference_mode():
        logits = network(
            pad([faces for _, _, faces, _ in tubes], batch_first=True),
            pad([heard for _, _, _, heard in tubes], batch_first=True),
        )
    spoken = {
        (number, first + k)
        for (number, first, faces, _), row in zip(tubes, logits.tolist(), strict=True)
        for k in range(len(faces))
        if row[k] > 0
    }
    speaking = len(spoken)
    return round(speaking / sampled, 2)


def _boxes(frames: np.ndarray, detector: FaceDetector) -> list[list[Box]]:
    """The boxes of each frame, best first, cut to whole numbers; two frames at a time."""

    def one(frame: np.ndarray) -> list[Box]:
        found: Any = detector.detect(frame[None])[0]
        return [tuple(int(side) for side in face[:4]) for face in found]

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, frames))


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def _tracks(frames: list[list[Box]]) -> list[list[tuple[int, Box]]]:
    every: list[list[tuple[int, Box]]] = []
    live: list[list[tuple[int, Box]]] = []
    for number, boxes in enumerate(frames):
        claims: dict[int, list[tuple[float, int]]] = {}
        started = []
        for k, box in enumerate(boxes):
            overlaps = [_overlap(track[-1][1], box) for track in live]
            best = max(range(len(live)), key=lambda j: overlaps[j], default=None)
            if best is not None and overlaps[best] > 0.7:
                claims.setdefault(best, []).append((overlaps[best], k))
            else:
                started.append([(number, box)])
        going_on = []
        for track, claim in claims.items():
            _, k = max(claim, key=lambda own: (own[0], -own[1]))
            live[track].append((number, boxes[k]))
            going_on.append(live[track])
        every += started
        live = going_on + started
    return [track for track in every if len(track) >= 5]


def _crop(frame: np.ndarray, box: Box) -> torch.Tensor:
    grey = torch.tensordot(
        torch.from_numpy(frame).float(), torch.tensor([0.2989, 0.5870, 0.1140]), dims=([2], [0])
    )
    left, top, right, bottom = box
    height, width = grey.shape
    sides = (max(0, -left), max(0, right - width), max(0, -top), max(0, bottom - height))
    wide = torch.nn.functional.pad(grey, sides)
    part = wide[top + sides[2] : bottom + sides[2], left + sides[0] : right + sides[0]]
    return torch.nn.functional.interpolate(
        part[None, None], (112, 112), mode="bilinear", antialias=True
    )[0, 0]
