#!/usr/bin/env python3
"""Make the input lines of one shard of a source."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.formats.layout import SourceFiles
from livecc.sections import json_object
from livecc.sources.assigned import parts_of
from livecc.sources.overlap import check_shard
from livecc.sources.places import shard_names
from livecc.sources.shard import write_shard
from livecc.stages.tracks import INGEST


def main(options: argparse.Namespace) -> None:
    # Named after its source and number.
    name = options.shard.rpartition("-of-")[0].rpartition("-")[0]
    number = shard_names(name, options.source["shards"]).index(options.shard)
    if options.others:
        check_shard(SourceFiles(options.results, name), options.shard, options.others)
    places = (options.list, options.splits, options.lines, options.left_out)
    counts = write_shard(number, *places, parts_of(options.source), options.mode)
    told = {"stage": INGEST.name, "shard": options.shard, "made_with": options.made_with}
    write_json(options.stats, {**told, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "splits", nargs="*", type=Path, metavar="SPLIT", help="the divided dumps, in order"
    )
    parser.add_argument(
        "--source", required=True, type=json_object, metavar="JSON", help="as configured"
    )
    parser.add_argument("--shard", required=True, help="name of the shard")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument(
        "--others",
        default={},
        type=json_object,
        metavar="JSON",
        help="other sources, and a track of both; none of them may hold a video of the shard",
    )
    parser.add_argument("--results", metavar="FOLDER", help="with --others: where they are")
    parser.add_argument(
        "--list", required=True, type=Path, metavar="TXT", help="its videos in folders"
    )
    parser.add_argument("--lines", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--left-out", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
