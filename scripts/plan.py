#!/usr/bin/env python3
"""Print what a run would do: jobs, items, hours and reasons of each stage.

The rule `plan` runs this; users run `livecc plan`.
"""

import argparse
import sys
from pathlib import Path

from livecc import cli
from livecc.commands import renamed
from livecc.commands.plan import show_plan
from livecc.sections import json_object

if __name__ == "__main__":
    # Until this release, users called this script with --configfile.
    if any(word.startswith("--configfile") for word in sys.argv[1:]):
        renamed("plan")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, type=json_object, metavar="JSON")
    parser.add_argument("--output", type=Path, metavar="JSON", help="also write the plan here")
    cli.run(lambda options: show_plan(options.config, options.output), parser)
