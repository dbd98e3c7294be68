"""How fast are videos read and scored, and what limits the speed?

Generates a 5-minute 720p H.264 file with moving content (the same on every machine) and measures

- reading 8 frames through the worker processes, compared with decord alone in this process (the
  ceiling: the workers do the same decoding, then resize and transfer the frames);
- reading 8 such files with all workers, compared with the original's loop over decord;
- the frames per second of each face detector on 288 x 160 frames, in batches;
- the frames in memory while videos are read ahead, and the peak memory of this process.

Usage: python -m benchmarks.bench_score_talking_head --models FOLDER [--runs 5]
FOLDER has the detectors' weights as <name>/<file>.onnx; detectors without weights are skipped.

For Qwen2-VL alone, by videos per batch (`talking_head_batches`):
       python -m benchmarks.bench_score_talking_head --device cuda --size 7b --batches 1 8 64
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from livecc.errors import LiveccError
from livecc.faces.load import load_detector
from livecc.faces.weights import DETECTORS
from livecc.media.frames import sample_indices
from livecc.media.pool import decode_ahead
from livecc.media.resize import Squash

SECONDS, FPS, HEIGHT, WIDTH = 300, 25, 720, 1280
COUNT = 8
SQUASH = Squash(320, 180)


def make_video(path: Path) -> Path:
    """A drifting texture with two moving blocks and a cut every 10 s; generated once."""
    if path.exists():
        return path
    import av

    print(f"making {path} ...", file=sys.stderr)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 4, 3), dtype=np.uint8)
    texture = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    temporary = path.with_suffix(".part.mp4")
    with av.open(str(temporary), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for k in range(SECONDS * FPS):
            picture = texture[:, (shift := 2 * k % WIDTH) : shift + WIDTH].copy()
            if (k // (10 * FPS)) % 2:
                picture = picture[::-1].copy()
            top, left = 3 * k % (HEIGHT - 160), 5 * k % (WIDTH - 160)
            picture[top : top + 160, left : left + 160] = (k % 256, 255 - k % 256, 128)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    temporary.rename(path)
    return path


def median_seconds(run: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def decord_alone(path: Path) -> np.ndarray:
    """Open the file and decode the sampled frames, nothing else."""
    import decord

    reader = decord.VideoReader(str(path))
    frames: np.ndarray = reader.get_batch(sample_indices(len(reader), COUNT)).asnumpy()
    return frames


def original_reading(path: Path) -> Any:
    """The original's data loader for one video: decode, and resize with torch."""
    import torch

    frames = torch.from_numpy(decord_alone(path)).permute(0, 3, 1, 2).float()
    return torch.nn.functional.interpolate(
        frames, (SQUASH.height, SQUASH.width), mode="bicubic", antialias=True
    )


class WarmPool:
    """`decode_ahead` with running workers, one video at a time on request."""

    def __init__(self, path: Path) -> None:
        items: Iterator[tuple[int, Path]] = ((k, path) for k in range(10**9))
        # ahead=1: the next video is only started on request.
        self._decoded = decode_ahead(items, COUNT, SQUASH, workers=1, ahead=1)
        next(self._decoded)

    def read(self) -> object:
        return next(self._decoded)

    def close(self) -> None:
        self._decoded.close()


def bench_decoding(path: Path, runs: int) -> None:
    pool = WarmPool(path)
    ours, alone = [], []
    # Alternating, so that other work on the machine affects both equally.
    for _ in range(runs):
        ours.append(median_seconds(pool.read, 1))
        alone.append(median_seconds(lambda: decord_alone(path), 1))
    pool.close()
    one, ceiling = statistics.median(ours), statistics.median(alone)
    print(f"\n8 frames of a {SECONDS} s 720p file, medians of {runs}")
    row("decord alone, this process (ceiling)", f"{ceiling:.3f} s")
    row("through a warm worker, resized", f"{one:.3f} s", f"{one / ceiling:.2f} x ceiling")

    cores = len(os.sched_getaffinity(0))
    items = [(k, path) for k in range(8)]

    def all_ours() -> float:
        """Seconds for 8 videos with running workers (the first video is not timed)."""
        decoded = decode_ahead(
            [(-1, path), *items], COUNT, SQUASH, workers=cores, ahead=2 * cores, threads=1
        )
        next(decoded)
        start = time.perf_counter()
        list(decoded)
        return time.perf_counter() - start

    print(f"\n8 such files, {cores} cores, medians of {max(1, runs // 2)}")
    original = median_seconds(lambda: [original_reading(path) for _ in items], max(1, runs // 2))
    row("the original's way, one after the other", f"{original / 8:.3f} s a video")
    together = statistics.median(all_ours() for _ in range(max(1, runs // 2)))
    row(
        f"{cores} workers of 1 thread",
        f"{together / 8:.3f} s a video",
        f"{original / together:.2f} x the original's speed",
    )


def bench_detectors(models: Path, runs: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (256, 160, 288, 3), dtype=np.uint8)
    print("\nface detection, 256 frames of 288 x 160, whole detect() against the network alone")
    for name in DETECTORS:
        try:
            detector = load_detector(name, models / name)
        except LiveccError as error:
            row(name, "left out", str(error))
            continue
        feed = {detector._input: detector._prepare(frames[:16])}
        network = median_seconds(lambda d=detector, f=feed: d._session.run(None, f), runs) / 16  # type: ignore[misc]
        whole = median_seconds(lambda d=detector: d.detect(frames), max(1, runs // 2)) / 256  # type: ignore[misc]
        single = median_seconds(lambda d=detector: d.detect(frames[:64], batch_size=1), 1) / 64  # type: ignore[misc]
        row(
            name,
            f"{1 / whole:.0f} frames/s",
            f"ceiling {1 / network:.0f}, one frame at a time {1 / single:.0f}",
        )


def bench_memory(path: Path) -> None:
    ahead = 4
    taken = most = 0

    def items() -> Iterator[tuple[int, Path]]:
        nonlocal taken
        for k in range(12):
            taken += 1
            yield k, path

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decoded = decode_ahead(items(), COUNT, None, workers=2, ahead=ahead, threads=1)
    for done, _ in enumerate(decoded):
        most = max(most, taken - done)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    video = COUNT * HEIGHT * WIDTH * 3 / 2**20
    print(f"\nmemory, 12 videos of {video:.0f} MB of frames each (not resized), ahead = {ahead}")
    row("most videos in work or waiting", f"{most} videos", f"limit {ahead}")
    row(
        "growth of this process's peak",
        f"{(after - before) / 1024:.0f} MB",
        f"{ahead} videos are {ahead * video:.0f} MB, 12 would be {12 * video:.0f} MB",
    )


def row(name: str, figure: str, note: str = "") -> None:
    print(f"  {name:<42}{figure:>18}   {note}")


def main() -> None:
    from benchmarks import talking_head_batches

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    talking_head_batches.add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.batches:
        talking_head_batches.measure_batches(arguments)
        return
    path = make_video(arguments.folder / "livecc_bench_720p_300s.mp4")
    # First, because peak memory never decreases.
    bench_memory(path)
    bench_decoding(path, arguments.runs)
    bench_detectors(arguments.models, arguments.runs)


if __name__ == "__main__":
    main()
