#!/usr/bin/env python3
"""Decide which clips of one shard a selection keeps, and write them as samples."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.select_samples import select_shard


def main(options: argparse.Namespace) -> None:
    select_shard(
        track=options.track,
        thresholds=options.thresholds,
        transcripts=options.transcripts,
        clips=options.clips,
        scores=dict(options.score),
        decisions=options.decisions,
        samples=options.samples,
        counts=options.counts,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_shard(parser)
    cli.add_scores(parser)
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--clips", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--thresholds", required=True, type=cli.json_object, metavar="JSON")
    parser.add_argument("--decisions", required=True, type=Path, metavar="PARQUET")
    parser.add_argument("--samples", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--counts", required=True, type=Path, metavar="JSON")
    cli.run(main, parser)
