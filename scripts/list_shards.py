#!/usr/bin/env python3
"""List the shards of a track, and remove the selections of shards that no longer exist."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.configuration import find_shards
from livecc.formats.shard_list import write_shard_list
from livecc.sources.places import shard_names
from livecc.terminal import count, say


def main(options: argparse.Namespace) -> None:
    names = list(find_shards(options.patterns, "PATTERN"))
    for source in options.source:
        name, _, number = source.rpartition("=")
        names += shard_names(name, int(number))
    if options.shards_of is not None:
        names += options.shards_of.read_text(encoding="utf-8").splitlines()
    write_shard_list(options.output, names)
    say(f"{options.output}: {count(len(names), 'shard')}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "patterns", nargs="*", metavar="PATTERN", help="input files of the track, as configured"
    )
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME=N",
        help="a source of the track with N shards; may be repeated",
    )
    parser.add_argument(
        "--shards-of", type=Path, metavar="TXT", help="list of a track with the same shards"
    )
    parser.add_argument(
        "--output",
        required=True,
        type=Path,
        metavar="TXT",
        help="names of the shards, one per line; selections next to it lose unlisted shards",
    )
    cli.run(main, parser)
