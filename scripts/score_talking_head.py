#!/usr/bin/env python3
"""Score the videos of one shard: does each show a talking head throughout?"""

from livecc import cli
from livecc.stages.score_talking_head.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
