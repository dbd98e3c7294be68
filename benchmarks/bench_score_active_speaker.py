"""How fast are clips scored for active speakers, and what limits the speed?

Joins the talking clips of a folder into a file of a few minutes, generates another one without
visible faces, and scores clips of both, alternating between

- the complete scorer of the stage, including the startup of its worker processes;
- the original: every clip opens its video and decodes all of its audio, frames go through the
  detector one by one (in two threads), faces are cropped from frames with torch, and the network
  uses torch's 3-D convolutions.

Both use the same detector and weights, and their shares must agree within 0.01. Then each part of
the stage is measured separately in one thread. On a shared machine, rely on processor time.

Usage: python -m benchmarks.bench_score_active_speaker --media FOLDER --models FOLDER [--runs 3]
--media holds grid_*.mpg (talking faces); --models the weights as <name>/<file>.

With --device, only the network is measured, on synthetic faces, by frames per batch.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from livecc.faces.detector import FaceDetector
from livecc.faces.load import load_detector
from livecc.media.audio import read_audio_spans
from livecc.media.frames import open_video
from livecc.stages.score_active_speaker.crops import crop_faces, cut_faces
from livecc.stages.score_active_speaker.mfcc import RATE, mfcc
from livecc.stages.score_active_speaker.reading import DETECTION_BATCH, SIZE
from livecc.stages.score_active_speaker.scorer import ActiveSpeakerScorer, Request
from livecc.stages.score_active_speaker.speaker import Speaker
from livecc.stages.score_active_speaker.tracks import follow, whole_boxes
from livecc.stages.score_active_speaker.windows import frames_inside, frames_on_grid, windows
from tests.stages.score_active_speaker.talking_media import joined, write_media

if TYPE_CHECKING:
    import torch

    from livecc.stages.score_active_speaker.network import LightASD

T = TypeVar("T")
#: Length of a clip, which has two windows.
CLIP_SECONDS = 37.0


def make_files(media: Path, folder: Path, clips: int) -> list[Path]:
    """Talking faces, and the same with shuffled blocks of 12 pixels, in which no face is found."""
    frames, sound = joined(media)
    times = int(-(-clips * CLIP_SECONDS // (len(frames) / 25)))
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


def requests(files: list[Path], clips: int) -> list[Request]:
    return [
        Request(f"{file.stem}#{k}", file, k * CLIP_SECONDS + 0.04, (k + 1) * CLIP_SECONDS)
        for file in files
        for k in range(clips)
    ]


def original(clip: Request, detector: FaceDetector, network: LightASD) -> float:
    """The share of a clip, computed step by step as in the original."""
    import decord
    import torch

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
    import torch

    left, top, right, bottom = box
    height, width = grey.shape
    sides = (max(0, -left), max(0, right - width), max(0, -top), max(0, bottom - height))
    wide = torch.nn.functional.pad(grey, sides)
    part = wide[top + sides[2] : bottom + sides[2], left + sides[0] : right + sides[0]]
    crop: torch.Tensor = torch.nn.functional.interpolate(
        part[None, None], (112, 112), mode="bilinear", antialias=True
    )[0, 0]
    return crop


class Parts:
    """Processor seconds of each part of the stage, in one thread."""

    def __init__(self) -> None:
        names = ("sound", "decoding", "detection", "crops", "network")
        self.seconds = dict.fromkeys(names, 0.0)
        self.looked = self.tracked = 0.0

    def timed(self, part: str, work: Callable[..., T], *arguments: Any) -> T:
        started = time.process_time()
        result = work(*arguments)
        self.seconds[part] += time.process_time() - started
        return result

    def measure(self, clips: list[Request], detector: FaceDetector, speaker: Speaker) -> None:
        """The clips of one video."""
        path = clips[0].path
        spans = [(int(clip.start * RATE), int(clip.end * RATE) + 1) for clip in clips]
        pieces: list[np.ndarray] = self.timed("sound", list, read_audio_spans(path, spans))
        heard = self.timed("sound", lambda: [mfcc(piece) for piece in pieces])
        video = self.timed("decoding", open_video, path, 1, SIZE)
        times = self.timed("decoding", video.times)
        for clip, values in zip(clips, heard, strict=True):
            assert values is not None
            points = len(values) // 4
            grid = frames_on_grid(frames_inside(times, clip.start, clip.end), points)
            for first, last in windows(points, "paper"):
                frames = self.timed("decoding", video.read, grid[first:last])
                found = self.timed("detection", detector.detect, frames, DETECTION_BATCH)
                self.looked += (last - first) / 25
                for track in follow(whole_boxes(faces) for faces in found):
                    parts = self.timed("crops", cut_faces, list(frames), track)
                    crops = self.timed("crops", crop_faces, parts)
                    begin = 4 * (first + track.first)
                    sound = values[begin : begin + 4 * len(crops)]
                    self.timed("network", speaker.score, [crops], [sound])
                    self.tracked += len(crops) / 25


def measure_network(weights: Path, device: str, runs: int) -> None:
    """Faces per second through `Speaker`, and through the network with its input on the device."""
    import torch

    from benchmarks.cuda_timing import device_name, peak_gigabytes, seconds
    from livecc.stages.score_active_speaker.network import load_network

    where = torch.device(device)
    rng = np.random.default_rng(0)
    tracks = 1 if device == "cpu" else 64
    faces = [rng.uniform(0, 255, (150, 112, 112)).astype(np.float32) for _ in range(tracks)]
    sounds = [rng.normal(size=(600, 13)).astype(np.float32) for _ in range(tracks)]
    speaker = Speaker.load(weights, device, 1)
    own = speaker._batch_frames
    exact = Speaker.load(weights, "cpu", 1).score(faces[:2], sounds[:2])
    print(f"{device_name(where)}: {tracks} tracks of 150 faces, {own} faces a batch by default")
    network = load_network(weights).to(where)
    for frames in (own,) if device == "cpu" else (150, 300, 600, own, 2 * own, 4 * own):
        speaker._batch_frames = frames
        speaker.score(faces, sounds)
        peak_gigabytes(where, reset=True)
        took = seconds(lambda: speaker.score(faces, sounds), where, runs)
        peak = peak_gigabytes(where)
        count = frames // 150
        seen = torch.from_numpy(np.stack(faces[:count])).to(where)
        heard = torch.from_numpy(np.stack(sounds[:count])).to(where)
        with torch.inference_mode():
            network(seen, heard)
            alone = seconds(partial(network, seen, heard), where, runs)
        found = speaker.score(faces, sounds)
        differ = max(float(np.abs(a - b).max()) for a, b in zip(found, exact, strict=False))
        row(
            f"{frames} a batch",
            f"{150 * tracks / took:,.0f} faces/s",
            f"network alone {150 * count / alone:,.0f}, {peak:.1f} GB, logits from the CPU's "
            f"{differ:.1e}",
        )
    if device == "cuda":
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(where).total_memory
        held = torch.cuda.memory_allocated(where)
        torch.cuda.set_per_process_memory_fraction((held + 1.5e9) / whole)
        speaker._batch_frames = 16 * own
        again = speaker.score(faces, sounds)
        torch.cuda.set_per_process_memory_fraction(1.0)
        differ = max(float(np.abs(a - b).max()) for a, b in zip(again, found, strict=True))
        print(
            f"  with 1.5 GB: {speaker._batch_frames} faces a batch in the end, logits differ by "
            f"{differ:.1e} at most"
        )


def processor_seconds() -> float:
    """Processor seconds of this process and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """The result, seconds and processor seconds."""
    started, used = time.perf_counter(), processor_seconds()
    result = work()
    return result, time.perf_counter() - started, processor_seconds() - used


def row(name: str, figure: str, note: str = "") -> None:
    print(f"  {name:<36}{figure:>30}   {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--media", type=Path, help="required without --device")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--detector", default="scrfd", choices=["scrfd", "yunet", "centerface"])
    parser.add_argument("--clips", type=int, default=3, help="clips per file (default: 3)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], help="measure only the network")
    options = parser.parse_args()
    if options.device:
        measure_network(options.models / "light_asd", options.device, options.runs)
        return
    import torch

    from livecc.stages.score_active_speaker.network import load_network

    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    name = {"scrfd": "scrfd_500m"}.get(options.detector, options.detector)
    detector = (options.detector, options.models / name)
    weights = options.models / "light_asd"
    network = load_network(weights)
    single = load_detector(*detector, threads=1)
    single.border = 0.0
    with tempfile.TemporaryDirectory() as folder:
        files = make_files(options.media, Path(folder), options.clips)
        clips = requests(files, options.clips)

        def ours() -> list[float | None]:
            speaker = Speaker.load(weights, "cpu", cores)
            scorer = ActiveSpeakerScorer(detector, speaker, mode="paper", workers=cores)
            return [result.score for some in scorer.score(clips) for result in some]

        def theirs() -> list[float]:
            return [original(clip, single, network) for clip in clips]

        runs = []
        for _ in range(options.runs):
            shares, *own = timed(ours)
            expected, *other = timed(theirs)
            for share, wanted in zip(shares, expected, strict=True):
                assert share is not None
                assert abs(share - wanted) <= 0.01, (shares, expected)
            runs.append((own, other))
        parts = Parts()
        alone = Speaker.load(weights, "cpu", 1)
        for path in dict.fromkeys(clip.path for clip in clips):
            parts.measure([clip for clip in clips if clip.path == path], single, alone)
    report(clips, shares, runs, parts)


def report(
    clips: list[Request],
    shares: list[float | None],
    runs: list[tuple[list[float], list[float]]],
    parts: Parts,
) -> None:
    def median(way: int, kind: int) -> str:
        return f"{statistics.median(run[way][kind] for run in runs):.1f} s"

    def ratios(kind: int) -> str:
        all_ratios = sorted(other[kind] / own[kind] for own, other in runs)
        return f"{all_ratios[0]:.2f} to {all_ratios[-1]:.2f}"

    print(
        f"{len(clips)} clips of {CLIP_SECONDS:g} s, {parts.looked:g} s of them looked at, "
        f"{parts.tracked:g} s of faces; {len(runs)} runs. Shares: {shares}"
    )
    row("", "the clock", "processor time")
    row("the original's way", median(1, 0), median(1, 1))
    row("the stage, end to end", median(0, 0), median(0, 1))
    row("times faster, each pair", ratios(0), ratios(1))
    print("each part alone, one thread: seconds of video looked at per processor second")
    total = sum(parts.seconds.values())
    for part, spent in parts.seconds.items():
        of_faces = part in ("crops", "network")
        seen = parts.tracked if of_faces else parts.looked
        what = " (of a face)" if of_faces else ""
        row(part, f"{seen / spent:.0f}", f"{spent / total:.0%} of {total:.1f} s{what}")
    most = sorted(parts.seconds, key=lambda part: -parts.seconds[part])[:2]
    ceiling = parts.looked / sum(parts.seconds[part] for part in ("detection", "network"))
    print(f"bound by {most[0]}, then {most[1]}; convolutions alone (detection and network) would")
    print(f"allow {ceiling:.1f} s of video a second and core, all parts {parts.looked / total:.1f}")


if __name__ == "__main__":
    main()
