#!/usr/bin/env python3
"""List the shards of a track, and remove what was selected of shards that are gone."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.config import find_shards
from livecc.shard_list import write_shard_list


def main(options: argparse.Namespace) -> None:
    names = list(find_shards(options.patterns, "PATTERN"))
    write_shard_list(options.output, names)
    print(f"{options.output}: {len(names)} shards")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "patterns", nargs="+", metavar="PATTERN", help="input files of the track, as configured"
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="TXT",
        help="names of the shards, by line; selections beside it lose those that are not named",
    )
    cli.run(main, parser)
