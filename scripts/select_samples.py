#!/usr/bin/env python3
"""Decide which clips of some shards a selection keeps, and write them as samples."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.select_samples import select_pack


def main(options: argparse.Namespace) -> None:
    select_pack(
        track=options.track,
        thresholds=options.thresholds,
        gates=options.gates,
        stages=options.stage,
        folder=options.results / options.track,
        selection=options.selection,
        shards=options.shard,
        output=options.output,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--track", required=True, choices=["pretrain", "sft"])
    parser.add_argument("--selection", required=True, help="name of its folder in the results")
    parser.add_argument(
        "--shard", required=True, action="append", metavar="NAME", help="may be repeated"
    )
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        help="a stage that has scored, in the order of the stages; may be repeated",
    )
    parser.add_argument("--thresholds", required=True, type=cli.json_object, metavar="JSON")
    parser.add_argument(
        "--gates",
        default={},
        type=cli.json_object,
        metavar="JSON",
        help="stage to gate: scores outside it are passed over",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="what was done")
    cli.spare_pandas()
    cli.run(main, parser)
