#!/usr/bin/env python3
"""Score the clips of one shard with a stage of another package.

`score_stage.py STAGE --help` shows the arguments of the stage.
"""

import argparse
import sys

from livecc import cli
from livecc.errors import LiveccError
from livecc.stages.plugins import package_stages, stage_of_package

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    known = ", ".join(package_stages()) or "none"
    parser.add_argument(
        "stage", choices=package_stages(), metavar="STAGE", help=f"installed here: {known}"
    )
    # The stage's own arguments follow its name.
    name = parser.parse_args(sys.argv[1:2]).stage
    try:
        stage = stage_of_package(name)
    except LiveccError as error:
        parser.error(str(error))
    del sys.argv[1]
    cli.run_stage(stage)
