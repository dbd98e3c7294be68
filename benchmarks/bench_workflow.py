#!/usr/bin/env python3
"""The cost of Snakemake itself: planning a data set of many shards, and a run with nothing to do.

Generates N small input shards, plans the tracks (dry run), then creates empty files for all
results, lets Snakemake record them (`--touch`), and times a run with nothing to do. No stage is
executed. CPU seconds are also shown, because they are reliable on a shared machine. The ceiling is
the same for one shard: Python, imports and parsing. The rest is Snakemake's job graph; the last
column shows its cost per job.

    python -m benchmarks.bench_workflow [--shards 1 1000] [--tracks pretrain sft]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from livecc.formats.layout import Layout
from livecc.models.fetch import describe

REPOSITORY = Path(__file__).resolve().parents[1]


def make_data_set(folder: Path, shards: int, tracks: list[str]) -> None:
    """Inputs and a configuration for them."""
    records = {
        "pretrain": {"video": "v.mp4", "subtitles": [[0, 1, "one two"]]},
        "sft": {"video": "v.mp4", "title": "A title", "category": "Education"},
    }
    for track in tracks:
        (folder / track).mkdir(parents=True)
        for number in range(shards):
            shard = folder / track / f"shard-{number:05d}.jsonl"
            shard.write_text(json.dumps(records[track]) + "\n")
    inputs = {track: {"inputs": [f"{track}/*.jsonl"], "videos": "."} for track in tracks}
    (folder / "config.yaml").write_text(yaml.safe_dump({"tracks": inputs}))


def make_results(folder: Path, shards: int, tracks: list[str]) -> None:
    """Create every result of every rule, as listed by Snakemake."""
    layout = Layout("results")
    _, _, listing = snakemake(folder, "--summary")
    for line in listing.splitlines():
        file = line.split("\t")[0]
        if file.startswith("results/"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("{}\n")
    # What Snakemake compares with the configuration.
    for track in tracks:
        names = "".join(f"shard-{number:05d}\n" for number in range(shards))
        (folder / layout.shard_list(track)).write_text(names)
    for receipt in (folder / "results" / "models").glob("*.json"):
        told = {"source": describe(receipt.stem)["source"], "model": receipt.stem}
        told |= {"folder": ".", "digest": "none"}
        receipt.write_text(json.dumps(told))


#: Snakemake without its delay of 0.1 s before it touches the files of each job.
QUICK_TOUCH = """
from snakemake.cli import main
from snakemake.executors import touch

touch.Executor.SLEEPING_TIME = 0
main()
"""


def snakemake(folder: Path, *flags: str) -> tuple[float, float, str]:
    """(seconds, CPU seconds, output) of a Snakemake call in `folder`."""
    program = ["-c", QUICK_TOUCH] if "--touch" in flags else ["-m", "snakemake"]
    command = [sys.executable, *program, "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "local")]
    command += ["--configfile", "config.yaml", "--cores", "2", *flags]
    started, before = time.monotonic(), cpu_of_children()
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds, cpu = time.monotonic() - started, cpu_of_children() - before
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{output[-3000:]}")
    return seconds, cpu, output


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--tracks", nargs="+", default=["pretrain", "sft"])
    options = parser.parse_args()
    columns = "".join(f"{name:>12}" for name in ("dry run s", "CPU s", "no-op s", "CPU s"))
    print(f"{'shards':>8}{'jobs':>8}{columns}{'CPU ms/job':>12}{'peak MB':>9}")
    for shards in options.shards:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_data_set(folder, shards, options.tracks)
            planned, planned_cpu, _ = snakemake(folder, "--dry-run", "--quiet", "all")
            _, _, listing = snakemake(folder, "--dry-run", "--quiet", "rules")
            jobs = next(
                int(line.split()[1]) for line in listing.splitlines() if line.startswith("total")
            )
            make_results(folder, shards, options.tracks)
            snakemake(folder, "--touch")
            idle, idle_cpu, output = snakemake(folder)
            if "Nothing to be done" not in output:
                sys.exit(f"expected nothing to do, got:\n{output[-3000:]}")
            figures = "".join(f"{x:>12.1f}" for x in (planned, planned_cpu, idle, idle_cpu))
            # The peak of all calls so far; the largest data set comes last.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{shards:>8}{jobs:>8}{figures}{planned_cpu / jobs * 1000:>12.1f}{peak:>9.0f}")


if __name__ == "__main__":
    main()
