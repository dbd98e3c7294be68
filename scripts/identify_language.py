#!/usr/bin/env python3
"""Identify the language of each clip's text in one shard."""

from livecc import cli
from livecc.stages.identify_language.declaration import STAGE

if __name__ == "__main__":
    cli.run_stage(STAGE)
