#!/usr/bin/env python3
"""Score the language-model loss of the clips of one shard."""

from livecc import cli
from livecc.stages.score_lm_loss.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
