#!/usr/bin/env python3
"""Merge the samples of all shards into one file with seeks."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.merge_samples import merge


def main(options: argparse.Namespace) -> None:
    names = options.shards.read_text(encoding="utf-8").splitlines()
    count = merge([options.samples / f"{name}.jsonl" for name in names], options.output)
    print(f"{options.output}: {count} samples")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", required=True, type=Path, help="names of the shards, by line")
    parser.add_argument("--samples", required=True, type=Path, help="folder of their samples")
    parser.add_argument("--output", required=True, type=Path, metavar="JSONL")
    cli.run(main, parser)
