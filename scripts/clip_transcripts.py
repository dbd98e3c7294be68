#!/usr/bin/env python3
"""Cut the transcripts of one shard into clips that begin with a sentence."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.stages.clip_transcripts import cut
from livecc.stages.clip_transcripts.declaration import STAGE, Options
from livecc.stages.spans import ClipOptions


def main(options: argparse.Namespace) -> None:
    limits = ClipOptions(
        min_clip_seconds=options.min_clip_seconds,
        max_clip_seconds=options.max_clip_seconds,
        max_gap_seconds=options.max_silence_seconds,
        mode=options.mode,
    )
    counts = cut.run(options.records, options.transcripts, options.clips, options.videos, limits)
    told = {"stage": STAGE.name, "shard": options.shard, "made_with": options.made_with}
    write_json(options.stats, {**told, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    Options.add_to(parser)
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--videos", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
