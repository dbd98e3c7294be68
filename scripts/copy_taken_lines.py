#!/usr/bin/env python3
"""Copy the input lines of listed videos of one shard."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.selecting.taken_videos import copy_taken_lines
from livecc.terminal import count, say


def main(options: argparse.Namespace) -> None:
    copied = copy_taken_lines(options.input, options.videos, options.output)
    write_json(options.stats, {"made_with": options.made_with, "lines": copied})
    say(f"{options.output}: {count(copied, 'line')}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help="JSON lines of videos")
    parser.add_argument(
        "--videos", required=True, type=Path, metavar="TXT", help="JSON strings, one per line"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSONL_ZST")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
