#!/usr/bin/env python3
"""Take the transcripts of one shard from its input lines, instead of transcribing."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli, import_transcripts
from livecc.files import write_json


def main(options: argparse.Namespace) -> None:
    counts = import_transcripts.run(
        options.input, options.records, options.transcripts, options.mode
    )
    write_json(options.stats, {"stage": "import_transcripts", "shard": options.shard, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help='JSON lines of videos with "content"')
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.run(main, parser)
