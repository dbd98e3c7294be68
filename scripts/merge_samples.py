#!/usr/bin/env python3
"""Merge the samples of all shards into one file with seeks, and say in a manifest what made it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.files import write_json
from livecc.merge_samples import merge
from livecc.release import manifest


def main(options: argparse.Namespace) -> None:
    shards = options.shards.read_text(encoding="utf-8").splitlines()
    merged = merge([options.samples / f"{name}.jsonl" for name in shards], options.output)
    released = manifest(
        track=options.track,
        selection=options.selection,
        name=options.output.name,
        merged=merged,
        configuration=options.configuration,
        receipts=dict(options.receipt),
        stats=options.stats,
        stages=options.stage,
        shards=shards,
        cache=options.cache,
    )
    write_json(options.manifest, released)
    print(f"{options.output}: {merged.samples} samples")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--track", required=True, choices=["pretrain", "sft"])
    parser.add_argument("--selection", required=True)
    parser.add_argument("--shards", required=True, type=Path, help="names of the shards, by line")
    parser.add_argument("--samples", required=True, type=Path, help="folder of their samples")
    parser.add_argument("--stats", required=True, type=Path, help="folder of the stages' stats")
    parser.add_argument(
        "--stage", action="append", default=[], help="one with a score cache; may be repeated"
    )
    parser.add_argument("--cache", required=True, type=Path, help="root of the score cache")
    parser.add_argument(
        "--configuration",
        required=True,
        type=cli.json_object,
        metavar="JSON",
        help="what of the configuration is told in the manifest",
    )
    parser.add_argument(
        "--receipt",
        action="append",
        default=[],
        type=cli.named_path,
        metavar="USE=FILE",
        help="receipt of a model; may be repeated",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSONL")
    parser.add_argument("--manifest", required=True, type=Path, metavar="JSON")
    cli.run(main, parser)
