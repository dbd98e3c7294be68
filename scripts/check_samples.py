#!/usr/bin/env python3
"""Check what the trainer's reader makes of the samples of a merged file."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.stages.check_samples.check import Videos, check_or_read_text
from livecc.stages.check_samples.declaration import Options
from livecc.stages.check_samples.report import sentence
from livecc.terminal import say


def main(options: argparse.Namespace) -> None:
    videos = Videos(
        options.videos,
        options.video_prefix,
        workers=options.threads,
        timeout_seconds=options.decode_timeout_seconds,
        outside=options.videos_outside,
    )
    report = check_or_read_text(options.merged, videos, count=options.samples).to_json()
    # Results folders may be moved.
    told = {"file": options.merged.name, "made_with": options.made_with}
    write_json(options.output, {**report, **told})
    say(f"{options.merged}: {sentence(report)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merged", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--videos", required=True, type=Path, metavar="FOLDER")
    parser.add_argument(
        "--video-prefix", default="", help="what the samples have before each path (default: none)"
    )
    Options.add_to(parser)
    cli.add_videos_outside(parser)
    parser.add_argument("--threads", default=1, type=int, help="processes (default: %(default)s)")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="report")
    cli.add_made_with(parser)
    cli.run(main, parser)
