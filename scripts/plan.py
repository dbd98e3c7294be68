#!/usr/bin/env python3
"""Print what a run would do: jobs, items, hours and reasons, stage by stage."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc import config as configuration
from livecc.files import write_json
from livecc.plan import make_plan, render, to_json


def main(options: argparse.Namespace) -> None:
    config = options.config or configuration.load(options.configfile)
    plans = make_plan(config)
    if options.output:
        write_json(options.output, to_json(plans))
    print(render(plans))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="Run it in the folder in which Snakemake runs."
    )
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        type=Path,
        metavar="YAML",
        help="configuration files, laid upon the defaults in this order",
    )
    parser.add_argument(
        "--config", type=cli.json_object, metavar="JSON", help="the whole configuration instead"
    )
    parser.add_argument("--output", type=Path, metavar="JSON", help="write the plan here, too")
    cli.run(main, parser)
