#!/usr/bin/env python3
"""Cut JSON-lines files into shards by a stable hash of the video id.

Run again after videos were appended, only the shards they fall in are rewritten.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.config import SHARD_NAME
from livecc.files import JSON_LINES_SUFFIXES
from livecc.shard_input import shard_input


def main(options: argparse.Namespace) -> int:
    report = shard_input(
        options.input, options.output, options.shards, options.prefix, options.suffix
    )
    for file, line, reason in report.bad:
        print(f"{file}, line {line}: {reason}; left out")
    print(
        f"{report.videos} videos in {options.shards} shards in {options.output}: "
        f"{len(report.written)} written, {len(report.unchanged)} unchanged"
    )
    return 1 if report.bad else 0


def _shard_prefix(text: str) -> str:
    if not SHARD_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r}: letters, digits and _ . - + = @ , only, and no - first"
        )
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", nargs="+", type=Path, help="JSON-lines files (.gz, .zst too)")
    parser.add_argument("--shards", required=True, type=int, metavar="N")
    parser.add_argument("--output", required=True, type=Path, metavar="FOLDER")
    parser.add_argument(
        "--prefix", default="shard", type=_shard_prefix, help="default: %(default)s"
    )
    parser.add_argument("--suffix", default=".jsonl", choices=JSON_LINES_SUFFIXES)
    cli.run(main, parser)
