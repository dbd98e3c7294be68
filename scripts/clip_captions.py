#!/usr/bin/env python3
"""Cut the captions of one shard into timed clips."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.stages.clip_captions import cut
from livecc.stages.clip_captions.declaration import STAGE, Options
from livecc.stages.spans import ClipOptions


def main(options: argparse.Namespace) -> None:
    limits = ClipOptions(
        min_clip_seconds=options.min_clip_seconds,
        max_clip_seconds=options.max_clip_seconds,
        max_gap_seconds=options.max_gap_seconds,
        mode=options.mode,
    )
    words = cut.WordOptions(options.unit, options.drop_repeated_words)
    counts = cut.run(
        *(options.input, options.transcripts, options.clips, options.videos, limits, words),
        outside=options.videos_outside,
    )
    told = {"stage": STAGE.name, "shard": options.shard, "made_with": options.made_with}
    write_json(options.stats, {**told, **counts})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", type=Path, help="JSON lines of videos with subtitles")
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--mode", default="default", choices=["default", "paper"])
    Options.add_to(parser)
    cli.add_videos_outside(parser)
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--videos", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
