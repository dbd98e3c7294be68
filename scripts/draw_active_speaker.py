#!/usr/bin/env python3
"""Show why clips have their score of active speakers: write a video of what was looked at.

Each video holds the clip's windows with their sound; boxes around faces are green while the face is
taken to speak, and the logit stands above. The clips are scored again; no result is changed.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.score_active_speaker.drawing import draw_clips


def main(options: argparse.Namespace) -> None:
    for drawn in draw_clips(
        options.results,
        options.videos,
        options.clip,
        options.output,
        device=options.device,
        threads=options.threads,
    ):
        result = drawn.result
        if drawn.path is None:
            print(f"{result.id}: no video: {result.reason or 'the sound is silent'}")
        else:
            print(f"{result.id}: {result.score:.2f}, tracks {result.tracks}: {drawn.path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="+", help="id of a clip, such as 'talk.mp4#0-120'")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the workflow's (default: results)"
    )
    parser.add_argument(
        "--videos", required=True, type=Path, metavar="FOLDER", help="folder of the video files"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FOLDER", help="where the videos are written"
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    cli.run(main, parser)
