#!/usr/bin/env python3
"""Say what the trainer makes of the videos of one shard."""

from livecc import cli
from livecc.stages.probe_videos.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
