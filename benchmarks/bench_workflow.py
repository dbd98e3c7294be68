#!/usr/bin/env python3
"""What Snakemake itself costs: planning a data set of many shards, and finding nothing to do.

Makes N small input shards, plans the whole pre-training track (dry run), then puts empty files in
place of all results, has Snakemake record them (`--touch`), and times a run that has nothing to do.
No stage is executed. The ceiling is a dry run of one shard: Python, imports and parsing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from livecc import config as configuration


def make_data_set(folder: Path, shards: int) -> Path:
    """Inputs, and the configuration that names them."""
    (folder / "input").mkdir(parents=True)
    for number in range(shards):
        record = {"video": f"{number}.mp4", "subtitles": [[0, 1, "one two"]]}
        (folder / "input" / f"shard-{number:05d}.jsonl").write_text(json.dumps(record) + "\n")
    config = folder / "config.yaml"
    settings = {"tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "input"}}}
    config.write_text(yaml.safe_dump(settings))
    return config


def make_results(folder: Path, shards: int) -> None:
    """An empty file for every result of every rule."""
    config = configuration.read_yaml(configuration.DEFAULTS_FILE)
    results = folder / "results"
    track = results / "pretrain"
    stages = configuration.TRACK_STAGES["pretrain"]
    for number in range(shards):
        shard = f"shard-{number:05d}"
        files = [
            track / "transcripts" / f"{shard}.jsonl.zst",
            track / "clips" / f"{shard}.parquet",
            track / "videos" / f"{shard}.parquet",
            *(track / "stats" / stage / f"{shard}.json" for stage in ("clip_captions", *stages)),
            *(track / "scores" / stage / f"{shard}.parquet" for stage in stages),
            *(
                track / "default" / kind / f"{shard}{suffix}"
                for kind, suffix in (
                    ("decisions", ".parquet"),
                    ("samples", ".jsonl"),
                    ("counts", ".json"),
                )
            ),
        ]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    whole = [
        *(results / "models" / f"{model}.json" for model in ("centerface", "qwen2-1.5b-instruct")),
        track / "shards.txt",
        track / "default" / "livecc_pretrain_default_with_seeks.jsonl",
        results / "summary.json",
        results / "summary.txt",
    ]
    for file in whole:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert config["selections"].keys() == {"default"}


def snakemake(folder: Path, *flags: str) -> tuple[float, str]:
    """(seconds, output) of a Snakemake call in `folder`."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--workflow-profile", str(REPOSITORY / "profiles" / "local")]
    command += ["--configfile", "config.yaml", "--cores", "2", *flags]
    started = time.monotonic()
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    output = result.stdout + result.stderr
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{output[-3000:]}")
    return seconds, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 1000])
    options = parser.parse_args()
    print(f"{'shards':>8} {'jobs':>8} {'dry run s':>10} {'no-op s':>10}")
    for shards in options.shards:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_data_set(folder, shards)
            planned, output = snakemake(folder, "--dry-run", "--quiet", "all")
            _, listing = snakemake(folder, "--dry-run", "--quiet", "rules")
            jobs = next(
                line.split()[1] for line in listing.splitlines() if line.startswith("total")
            )
            make_results(folder, shards)
            snakemake(folder, "--touch")
            idle, output = snakemake(folder)
            if "Nothing to be done" not in output:
                sys.exit(f"expected nothing to do, got:\n{output[-3000:]}")
            print(f"{shards:>8} {jobs:>8} {planned:>10.1f} {idle:>10.1f}")


if __name__ == "__main__":
    main()
