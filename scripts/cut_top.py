#!/usr/bin/env python3
"""Find the last clip that a selection with `top` keeps, over all shards."""

import argparse
from pathlib import Path

import msgspec

from livecc import cli
from livecc.files.atomic import write_json
from livecc.sections import json_object
from livecc.selecting.top import find_cut
from livecc.thresholds.top import Top


def main(options: argparse.Namespace) -> None:
    cut = find_cut(msgspec.convert(options.top, Top), options.ranked)
    write_json(options.output, {**cut.to_json(), "made_with": options.made_with})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--top", required=True, type=json_object, metavar="JSON")
    parser.add_argument(
        "--ranked",
        required=True,
        action="append",
        type=Path,
        metavar="PARQUET",
        help="clips of rank_clips.py; may be repeated",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
