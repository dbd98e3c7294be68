#!/usr/bin/env python3
"""Divide a dump between the shards of its source."""

import argparse
from pathlib import Path

import msgspec

from livecc import cli
from livecc.files.atomic import write_json
from livecc.sections import json_object
from livecc.sources.assigned import DumpFile, parts_of
from livecc.sources.split import split_file
from livecc.stages.tracks import SPLIT_DUMP
from livecc.terminal import count, say


def main(options: argparse.Namespace) -> None:
    dump = msgspec.convert(options.dump, DumpFile).dump()
    part = parts_of(options.source)[dump.part]
    index = split_file(part, dump, options.source["shards"], options.output)
    counts = {"videos": index.videos, "facts": index.facts, "bad": index.bad}
    told = {"stage": SPLIT_DUMP.name, "made_with": options.made_with, "file": dump.path}
    write_json(options.stats, {**told, **counts})
    say(f"{dump.path}: {count(index.videos, 'video')}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--source", required=True, type=json_object, metavar="JSON", help="as configured"
    )
    parser.add_argument(
        "--dump", required=True, type=json_object, metavar="JSON", help="as in assigned.json"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="SPLIT")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
