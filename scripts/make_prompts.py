#!/usr/bin/env python3
"""Generate the prompts of one shard's clips with a chat model."""

from livecc import cli
from livecc.stages.make_prompts.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
