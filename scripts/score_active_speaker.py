#!/usr/bin/env python3
"""Score the clips of one shard: in what share of each is the speaker visible?"""

from livecc import cli
from livecc.stages.score_active_speaker.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
