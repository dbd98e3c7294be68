#!/usr/bin/env python3
"""Describe the videos of one shard: metadata, words, language and file."""

from livecc import cli
from livecc.stages.describe_video.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
