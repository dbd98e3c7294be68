#!/usr/bin/env python3
"""Cut the transcripts of one shard into clips that begin with a sentence."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli, clip_transcripts
from livecc.files import write_json
from livecc.spans import ClipOptions


def main(options: argparse.Namespace) -> None:
    cut = ClipOptions(
        min_clip_seconds=options.min_clip_seconds,
        max_clip_seconds=options.max_clip_seconds,
        max_gap_seconds=options.max_silence_seconds,
        mode=options.mode,
    )
    counts = clip_transcripts.run(
        options.records, options.transcripts, options.clips, options.videos, cut
    )
    write_json(options.stats, {"stage": "clip_transcripts", "shard": options.shard, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    parser.add_argument("--min-clip-seconds", type=float, default=30.0)
    parser.add_argument("--max-clip-seconds", type=float, default=240.0)
    parser.add_argument("--max-silence-seconds", type=float, default=3.0)
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--videos", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.run(main, parser)
