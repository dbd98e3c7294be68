#!/usr/bin/env python3
"""A what-if over a million clips: time, processor time and peak memory of the complete command.

Generates synthetic results of the pre-training track (no stage runs) in shards of several sizes,
and runs `livecc what-if` with two changed thresholds and three clips shown of each kind. The
ceiling is reading the columns that rules need with pyarrow alone, with the same threads. The rest
is Python startup (0.3 s), joining, deciding, and looking up the clips to show.

    python -m benchmarks.bench_what_if [--layouts 200x5000 1000x1000] [--within 5]
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from benchmarks.made_up_results import GATE, STAGES, MadeUpResults, shard_names
from livecc.files.atomic import write_bytes
from livecc.files.parquet import read_table

REPOSITORY = Path(__file__).resolve().parents[1]

THREADS = 2


def make_project(folder: Path, shards: int, clips: int, words: int) -> None:
    made_up = MadeUpResults(folder / "results", words)
    for name in shard_names(shards):
        write_bytes(folder / "input" / f"{name}.jsonl", b'{"video": "not read"}\n')
        made_up.write_shard(name, clips)
    settings = {
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"}},
        "score_lm_loss": {"gate": GATE},
        "score_talking_head": {"gate": GATE},
    }
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))


def ask(folder: Path) -> tuple[float, float, float, str]:
    """(seconds, CPU seconds, peak memory in MB, output) of the command."""
    command = [sys.executable, "-m", "livecc.commands", "what-if", "--configfile", "my.yaml"]
    command += ["--set", "lm_loss.max=5", "--set", "words_per_second.min=0.8"]
    command += ["--threads", str(THREADS)]
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: status {process.returncode}")
    seconds = time.monotonic() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def read_all(folder: Path, shards: int) -> tuple[float, float]:
    """(seconds, CPU seconds) to read the columns of all tables."""
    track = folder / "results" / "pretrain"
    columns = {"clips": ["clip", "video", "status", "words_per_second", "start", "end"]}
    for stage in STAGES:
        columns[f"scores/{stage.name}"] = [stage.item, "status", *stage.rule_columns]
    started, before = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(THREADS) as pool:
        reads = [
            pool.submit(read_table, track / table / f"{name}.parquet", wanted)
            for name in shard_names(shards)
            for table, wanted in columns.items()
        ]
    for read in reads:
        read.result()
    return time.monotonic() - started, time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layouts", nargs="+", default=["200x5000", "1000x1000"])
    parser.add_argument("--words", type=int, default=60, help="per clip")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", action="store_true", help="show the command's output")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="fail if slower")
    parser.add_argument("--below", type=float, metavar="MB", help="fail if one takes more memory")
    options = parser.parse_args()
    wrong = []
    print(f"{'shards x clips':<20}{'':<12}{'seconds':>10}{'CPU s':>10}{'peak MB':>10}")
    for layout in options.layouts:
        shards, clips = map(int, layout.split("x"))
        with tempfile.TemporaryDirectory() as name:
            make_project(Path(name), shards, clips, options.words)
            best, largest = math.inf, 0.0
            for _ in range(options.repeats):
                seconds, cpu, peak, told = ask(Path(name))
                best, largest = min(best, seconds), max(largest, peak)
                print(f"{layout:<20}{'what-if':<12}{seconds:>10.2f}{cpu:>10.2f}{peak:>10.0f}")
            seconds, cpu = read_all(Path(name), shards)
            print(f"{layout:<20}{'ceiling':<12}{seconds:>10.2f}{cpu:>10.2f}", flush=True)
        if options.within is not None and best > options.within:
            wrong.append(f"{layout}: {best:.1f} s, more than {options.within:g} s")
        if options.below is not None and largest > options.below:
            wrong.append(f"{layout}: {largest:.0f} MB, more than {options.below:g} MB")
        if options.output:
            print(told)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
