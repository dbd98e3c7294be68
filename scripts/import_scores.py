#!/usr/bin/env python3
"""Import the scores of one shard's clips or videos from a table of your own."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.stages.external_scores import shard
from livecc.stages.external_scores.declaration import ExternalScore, external_stage
from livecc.stages.job_spec import track_name


def main(options: argparse.Namespace) -> None:
    told = ExternalScore(
        table=str(options.table),
        key=options.key,
        key_column=options.key_column,
        column=options.column,
        kind=options.kind,
    )
    shard.run(
        external_stage(options.name, {"key": told.key, "kind": told.kind}),
        told,
        options.clips,
        options.output,
        options.stats,
        track=options.track,
        shard=options.shard,
        made_with=options.made_with,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="name of the score and of its column")
    parser.add_argument("--track", required=True, type=track_name)
    parser.add_argument("--shard", required=True, help="name of the shard, for messages")
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument(
        "--table", required=True, type=Path, metavar="FILE", help=".parquet, .csv or .csv.gz"
    )
    parser.add_argument("--key", required=True, choices=["clip", "video"], help="subject of a row")
    parser.add_argument("--key-column", help="column of the key (default: named like the key)")
    parser.add_argument("--column", required=True, help="column of the score")
    parser.add_argument("--kind", default="band", choices=["band", "labels"])
    parser.add_argument("--output", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
