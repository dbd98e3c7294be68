#!/usr/bin/env python3
"""List the records of one shard of the SFT track, and which of them go on, by category."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli, filter_categories
from livecc.files import write_json


def main(options: argparse.Namespace) -> None:
    counts = filter_categories.run(options.input, options.records, options.category)
    write_json(options.stats, {"stage": "filter_categories", "shard": options.shard, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help="JSON lines of videos")
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument(
        "--category", action="append", help="a category to keep; may be repeated (default: all)"
    )
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.run(main, parser)
