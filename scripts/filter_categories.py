#!/usr/bin/env python3
"""List the records of one shard of the SFT track, and filter them by category."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.stages.filter_categories import shard
from livecc.stages.filter_categories.declaration import STAGE, Options


def main(options: argparse.Namespace) -> None:
    counts = shard.run(
        *(options.input, options.records, options.category),
        mode=options.mode,
        outside=options.videos_outside,
    )
    told = {"stage": STAGE.name, "shard": options.shard, "made_with": options.made_with}
    write_json(options.stats, {**told, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help="JSON lines of videos")
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    Options.add_to(parser)
    cli.add_videos_outside(parser)
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
