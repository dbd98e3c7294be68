#!/usr/bin/env python3
"""Read the transcripts of one shard from its input lines, instead of transcribing."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.stages.import_transcripts import shard
from livecc.stages.import_transcripts.declaration import STAGE


def main(options: argparse.Namespace) -> None:
    counts = shard.run(options.input, options.records, options.transcripts, options.mode)
    told = {"stage": STAGE.name, "shard": options.shard, "made_with": options.made_with}
    write_json(options.stats, {**told, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help='JSON lines of videos with "content"')
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
