#!/usr/bin/env python3
"""What Snakemake itself costs: planning a data set of many shards, and finding nothing to do.

Makes N small input shards, plans the tracks (dry run), then puts empty files in place of all
results, has Snakemake record them (`--touch`), and times a run that has nothing to do.
No stage is executed. CPU seconds stand beside the clock because they hold on a machine that others
use too. The ceiling is the same for one shard: Python, imports and parsing. What comes on top is
Snakemake's graph, a job at a time; the last column says what one costs.

    python benchmarks/bench_workflow.py [--shards 1 1000] [--tracks pretrain sft]
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

REPOSITORY = Path(__file__).resolve().parents[1]


def make_data_set(folder: Path, shards: int, tracks: list[str]) -> None:
    """Inputs, and the configuration that names them."""
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


def make_results(folder: Path) -> None:
    """A file for every result of every rule, as Snakemake itself lists them."""
    _, _, listing = snakemake(folder, "--summary")
    for line in listing.splitlines():
        file = line.split("\t")[0]
        if file.startswith("results/"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            # Some are read when the workflow is: the receipts of models.
            (folder / file).write_text("{}\n")


#: Snakemake without the tenth of a second that it waits before each job's files are touched.
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
            make_results(folder)
            snakemake(folder, "--touch")
            idle, idle_cpu, output = snakemake(folder)
            if "Nothing to be done" not in output:
                sys.exit(f"expected nothing to do, got:\n{output[-3000:]}")
            figures = "".join(f"{x:>12.1f}" for x in (planned, planned_cpu, idle, idle_cpu))
            # Of all calls so far; the largest data set comes last.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{shards:>8}{jobs:>8}{figures}{planned_cpu / jobs * 1000:>12.1f}{peak:>9.0f}")


if __name__ == "__main__":
    main()
