#!/usr/bin/env python3
"""List, shard by shard, the videos of which a selection of another track keeps a clip."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.formats.layout import Layout
from livecc.selecting.taken_videos import list_taken_videos
from livecc.terminal import count, say


def main(options: argparse.Namespace) -> None:
    shards = options.shards.read_text(encoding="utf-8").splitlines()
    layout = Layout(str(options.results))
    giver = (options.from_track, options.from_selection)
    videos = list_taken_videos(layout, options.track, *giver, shards)
    say(f"{options.track}: {count(videos, 'video')} in {count(len(shards), 'shard')}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, metavar="DIR")
    parser.add_argument("--track", required=True, help="the track that takes the videos")
    parser.add_argument("--from-track", required=True, metavar="TRACK")
    parser.add_argument("--from-selection", required=True, metavar="NAME")
    parser.add_argument(
        "--shards", required=True, type=Path, metavar="TXT", help="list of the other track's shards"
    )
    cli.run(main, parser)
