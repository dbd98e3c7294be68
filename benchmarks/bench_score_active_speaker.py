"""How fast are clips scored for active speakers, and what bounds it?

Joins the talking clips of a folder into a file of some minutes, makes another one that shows no
face, and scores clips of both

- with the stage's scorer, all of it: reading in its process, detection, crops, network;
- the original's way: every clip opens its video and decodes all of its sound, one frame at a time
  goes through the detector (in two threads), every face is cropped from its frame by torch, and the
  network is torch's 3-D convolutions.

Both use the same detector and weights, and their shares must agree within 0.01.

Usage: python benchmarks/bench_score_active_speaker.py --media FOLDER --models FOLDER [--runs 3]
--media holds grid_*.mpg (talking faces); --models the weights as <name>/<file>.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "score_active_speaker"))

import numpy as np
import torch
from talking_media import joined, write_media

from livecc.faces import load_detector
from livecc.faces.detector import FaceDetector
from livecc.score_active_speaker.mfcc import mfcc
from livecc.score_active_speaker.network import LightASD, load_network
from livecc.score_active_speaker.reading import SIZE, Task, read
from livecc.score_active_speaker.scorer import ActiveSpeakerScorer, Request
from livecc.score_active_speaker.speaker import Speaker
from livecc.score_active_speaker.tracks import follow, whole_boxes
from livecc.score_active_speaker.windows import frames_inside, frames_on_grid, windows

#: Clips a file: each has two windows.
CLIP_SECONDS = 37.0
CLIPS = 3


def make_files(media: Path, folder: Path) -> list[Path]:
    """Talking faces, and the same in blocks of 12 pixels that lie in disorder: no face is found."""
    frames, sound = joined(media)
    times = int(-(-CLIPS * CLIP_SECONDS // (len(frames) / 25)))
    files = [folder / "talking.mp4", folder / "no_face.mp4"]
    write_media(files[0], frames * times, np.tile(sound, times))
    order = np.random.default_rng(0).permutation(24 * 30)
    mixed = []
    for frame in frames:
        blocks = frame.reshape(24, 12, 30, 12, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 12, 12, 3)
        shuffled = blocks[order].reshape(24, 30, 12, 12, 3).transpose(0, 2, 1, 3, 4)
        mixed.append(shuffled.reshape(288, 360, 3))
    write_media(files[1], mixed * times, np.tile(sound, times))
    return files


def requests(files: list[Path]) -> list[Request]:
    return [
        Request(f"{file.stem}#{k}", file, k * CLIP_SECONDS + 0.04, (k + 1) * CLIP_SECONDS)
        for file in files
        for k in range(CLIPS)
    ]


def original(clip: Request, detector: FaceDetector, network: LightASD) -> float:
    """The share of a clip as the original computes it, step for step."""
    import decord

    sound = decord.AudioReader(str(clip.path), sample_rate=16_000)._array[0]
    values = mfcc(sound[int(clip.start * 16_000) : int(clip.end * 16_000) + 1])
    assert values is not None
    points = len(values) // 4
    reader = decord.VideoReader(str(clip.path), width=SIZE[1], height=SIZE[0], num_threads=2)
    times = reader.get_frame_timestamp(range(len(reader)))
    grid = frames_on_grid(frames_inside(times, clip.start, clip.end), points)
    chosen = windows(points, "paper")
    numbers = np.concatenate([grid[first:last] for first, last in chosen])
    frames = reader.get_batch(numbers).asnumpy()
    with ThreadPoolExecutor(2) as pool:
        faces = list(pool.map(lambda frame: detector.detect(frame[None])[0], frames))
    weights = torch.tensor([0.2989, 0.5870, 0.1140])
    grey = torch.tensordot(torch.from_numpy(frames).float(), weights, dims=([3], [0]))
    crops, sounds, places = [], [], []
    for window, (first, _) in enumerate(chosen):
        for track in follow(whole_boxes(found) for found in faces[150 * window :][:150]):
            begin = 150 * window + track.first
            crops.append(
                torch.stack(
                    [_crop(grey[begin + k], box) for k, box in enumerate(track.boxes.tolist())]
                )
            )
            start = 4 * (first + track.first)
            sounds.append(torch.from_numpy(values[start : start + 4 * len(track.boxes)]))
            places.append(begin)
    if not crops:
        return 0.0
    pad = torch.nn.utils.rnn.pad_sequence
    with torch.inference_mode():
        logits = network(pad(crops, batch_first=True), pad(sounds, batch_first=True))
    speaking = {
        place + k
        for place, row, crop in zip(places, logits.tolist(), crops, strict=True)
        for k, logit in enumerate(row[: len(crop)])
        if logit > 0
    }
    return round(len(speaking) / len(numbers), 2)


def _crop(grey: torch.Tensor, box: list[int]) -> torch.Tensor:
    left, top, right, bottom = box
    height, width = grey.shape
    sides = (max(0, -left), max(0, right - width), max(0, -top), max(0, bottom - height))
    wide = torch.nn.functional.pad(grey, sides)
    part = wide[top + sides[2] : bottom + sides[2], left + sides[0] : right + sides[0]]
    crop: torch.Tensor = torch.nn.functional.interpolate(
        part[None, None], (112, 112), mode="bilinear", antialias=True
    )[0, 0]
    return crop


def row(name: str, figure: str, note: str = "") -> None:
    print(f"  {name:<42}{figure:>20}   {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--detector", default="scrfd", choices=["scrfd", "yunet", "centerface"])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    name = {"scrfd": "scrfd_500m"}.get(options.detector, options.detector)
    detector = load_detector(options.detector, options.models / name, cores)
    single = load_detector(options.detector, options.models / name, 1)
    single.border = 0.0
    network = load_network(options.models / "light_asd")
    speaker = Speaker.load(options.models / "light_asd", "cpu", cores)
    with tempfile.TemporaryDirectory() as folder:
        clips = requests(make_files(options.media, Path(folder)))
        bench(clips, options.runs, detector, single, network, speaker)


def bench(
    clips: list[Request],
    runs: int,
    detector: FaceDetector,
    single: FaceDetector,
    network: LightASD,
    speaker: Speaker,
) -> None:
    seconds = {"ours": [], "original": [], "decoding": []}  # type: dict[str, list[float]]
    parts: dict[str, list[float]] = {}
    looked = 0.0
    for _ in range(runs):
        scorer = ActiveSpeakerScorer(detector, speaker, mode="paper")
        started = time.perf_counter()
        results = [result for some in scorer.score(clips) for result in some]
        seconds["ours"].append(time.perf_counter() - started)
        for part, spent in scorer.seconds.items():
            parts.setdefault(part, []).append(spent)
        started = time.perf_counter()
        shares = [original(clip, single, network) for clip in clips]
        seconds["original"].append(time.perf_counter() - started)
        started = time.perf_counter()
        for path in sorted({clip.path for clip in clips}):
            spans = tuple((clip.start, clip.end) for clip in clips if clip.path == path)
            read(Task(path, spans, "paper"))
        seconds["decoding"].append(time.perf_counter() - started)
        looked = sum(result.seconds for result in results)
        for result, share in zip(results, shares, strict=True):
            assert result.score is not None, result
            assert abs(result.score - share) <= 0.01, (result, share)
    ours, theirs = (statistics.median(seconds[way]) for way in ("ours", "original"))
    print(f"{len(clips)} clips of {CLIP_SECONDS:g} s, {looked:g} s of them looked at, half of it")
    print(f"with a face; medians of {runs}. Shares: {[result.score for result in results]}")
    row("the original's way", f"{theirs:.1f} s")
    row("the stage, end to end", f"{ours:.1f} s", f"{theirs / ours:.1f} x the original's speed")
    print("seconds of video looked at per second")
    row(
        "reading (decoding, sound), alone", f"{looked / statistics.median(seconds['decoding']):.0f}"
    )
    for part in ("detection", "crops", "network"):
        spent = statistics.median(parts[part])
        face = looked / 2 if part in ("crops", "network") else looked
        row(part, f"{face / spent:.0f}", f"{spent / ours:.0%} of the time")
    waited = statistics.median(parts["reading"])
    row("waiting for reading", f"{waited:.1f} s", f"{waited / ours:.0%}, worker's start included")
    most = max(("detection", "network"), key=lambda part: statistics.median(parts[part]))
    print(f"bound by {most}: without the rest it would take {statistics.median(parts[most]):.1f} s")


if __name__ == "__main__":
    main()
