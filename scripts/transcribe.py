#!/usr/bin/env python3
"""Transcribe the videos of one shard: words with times."""

from livecc import cli
from livecc.stages.transcribe.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
