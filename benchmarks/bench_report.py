#!/usr/bin/env python3
"""The page about 100,000 or a million clips with media: time, processor time, peak memory, size.

Generates synthetic results of the pre-training track (no stage runs) whose videos are links to
files of the demo, and runs `livecc report` with 160 strips and 40 played clips. The ceiling is
reading the columns that rules need with pyarrow alone.

    python -m benchmarks.bench_report [--layout 200x500] [--within 90] [--below 1500]
    python -m benchmarks.bench_report --layout 200x5000 --within 180 --below 1500

A page holds a million clips; of more, such as with 200x6000, it holds an even sample.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_what_if import make_project, read_all
from benchmarks.made_up_results import CLIPS_PER_VIDEO, shard_names
from livecc.files.atomic import write_bytes
from livecc.formats.layout import Layout

REPOSITORY = Path(__file__).resolve().parents[1]
MEDIA = REPOSITORY / "demo" / "media"


def make_results(folder: Path, shards: int, clips: int, words: int) -> None:
    make_project(folder, shards, clips, words)
    names = list(shard_names(shards))
    layout = Layout(str(folder / "results"))
    write_bytes(layout.shard_list("pretrain"), "".join(f"{n}\n" for n in names).encode())
    files = sorted(MEDIA.glob("*.mp4"), key=lambda path: -path.stat().st_size)[:5]
    for name in names:
        place = folder / "input" / name
        place.mkdir(parents=True, exist_ok=True)
        for number in range(-(-clips // CLIPS_PER_VIDEO)):
            (place / f"{number:05d}.mp4").hardlink_to(files[number % len(files)])


def report(folder: Path, *flags: str) -> tuple[float, float, float]:
    """(seconds, CPU seconds with those of workers, peak memory in MB of one process)."""
    command = [sys.executable, "-m", "livecc.commands", "report", "--configfile", "my.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    started = time.monotonic()
    with subprocess.Popen(
        [*command, *flags], cwd=folder, stdout=subprocess.DEVNULL, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"livecc report: status {process.returncode}")
    seconds = time.monotonic() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layout", default="200x500", help="shards x clips of each")
    parser.add_argument("--words", type=int, default=60, help="per clip")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="fail if slower")
    parser.add_argument("--below", type=float, metavar="MB", help="fail if it takes more memory")
    options = parser.parse_args()
    shards, clips = map(int, options.layout.split("x"))
    print(f"{'':<24}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}{'page MB':>10}")
    # On the disk of the repository: links lead to its media.
    with tempfile.TemporaryDirectory(dir=REPOSITORY) as name:
        folder = Path(name)
        make_results(folder, shards, clips, options.words)
        page = folder / "results" / "report.html"
        slowest = largest = 0.0
        for label, flags in (("with media", ()), ("without media", ("--no-media",))):
            seconds, cpu, peak = report(folder, *flags)
            size = page.stat().st_size / 1e6
            print(f"{label:<24}{seconds:>10.1f}{cpu:>10.1f}{peak:>10.0f}{size:>10.1f}", flush=True)
            slowest, largest = max(slowest, seconds), max(largest, peak)
        seconds, cpu = read_all(folder, shards)
        print(f"{'ceiling: reading':<24}{seconds:>10.1f}{cpu:>10.1f}")
    wrong = []
    if options.within is not None and slowest > options.within:
        wrong.append(f"{slowest:.0f} s, more than {options.within:g} s")
    if options.below is not None and largest > options.below:
        wrong.append(f"{largest:.0f} MB, more than {options.below:g} MB")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
