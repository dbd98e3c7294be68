#!/usr/bin/env python3
"""List the clips of the given shards that pass all rules of a selection, with what ranks them."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.formats.layout import Layout
from livecc.sections import json_object
from livecc.selecting.top import rank
from livecc.stages.catalogue import catalogue_for
from livecc.stages.job_spec import track_name


def main(options: argparse.Namespace) -> None:
    catalogue = catalogue_for(options.external, *options.stage, tracks=(options.track,))
    layout = Layout(options.results)
    clips = rank(
        options.thresholds,
        options.gates,
        [catalogue.score_stage(name) for name in options.stage],
        [layout.shard(options.track, shard) for shard in options.shard],
        options.ranked,
    )
    report = {"shards": options.shard, "made_with": options.made_with, "clips": clips}
    write_json(options.output, report)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, metavar="FOLDER")
    parser.add_argument("--track", required=True, type=track_name)
    parser.add_argument(
        "--shard", required=True, action="append", metavar="NAME", help="may be repeated"
    )
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        help="a finished score stage, in the order of the stages; may be repeated",
    )
    cli.add_external(parser)
    parser.add_argument("--thresholds", required=True, type=json_object, metavar="JSON")
    parser.add_argument(
        "--gates",
        default={},
        type=json_object,
        metavar="JSON",
        help="gate of each stage: scores outside it are ignored",
    )
    parser.add_argument("--ranked", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="report")
    cli.add_made_with(parser)
    cli.run(main, parser)
