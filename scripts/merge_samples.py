#!/usr/bin/env python3
"""Merge the samples of all shards into files with seeks, one for each split, with manifests."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.errors import LiveccError
from livecc.files.atomic import write_json
from livecc.formats.layout import MANIFEST_SUFFIX
from livecc.formats.splits import TRAIN, Split
from livecc.sections import json_object
from livecc.selecting.manifest import manifest
from livecc.selecting.merge_samples import merge_splits, remove_old_offsets, remove_other_splits
from livecc.stages.catalogue import catalogue_for
from livecc.stages.job_spec import named_path, track_name
from livecc.terminal import count, say


def main(options: argparse.Namespace) -> None:
    shards = options.shards.read_text(encoding="utf-8").splitlines()
    split = Split.of(options.configuration.get("split", {}))
    outputs = {TRAIN: options.output, **dict(options.held_out)}
    if set(outputs) != set(split.names):
        raise LiveccError(
            f"--configuration holds out {', '.join(split.held_out) or 'nothing'}; give --held-out "
            "for just these"
        )
    merged = merge_splits(
        [options.samples / f"{name}.jsonl" for name in shards],
        outputs,
        split,
        options.configuration.get("video_prefix", ""),
    )
    catalogue = catalogue_for(options.external, *options.stage, tracks=(options.track,))
    for name, file in outputs.items():
        released = manifest(
            track=options.track,
            selection=options.selection,
            name=file.name,
            merged=merged[name],
            configuration=options.configuration,
            receipts=dict(options.receipt),
            stats=options.stats,
            stages=options.stage,
            catalogue=catalogue,
            shards=shards,
            cache=options.cache,
            split=name if split.held_out else None,
        )
        path = options.manifest if name == TRAIN else Path(f"{file}{MANIFEST_SUFFIX}")
        write_json(path, {**released, "made_with": options.made_with})
        say(f"{file}: {count(merged[name].samples, 'sample')}")
    remove_other_splits(options.output, set(outputs))
    remove_old_offsets(options.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--track", required=True, type=track_name)
    parser.add_argument("--selection", required=True)
    parser.add_argument("--shards", required=True, type=Path, help="shard names, one per line")
    parser.add_argument("--samples", required=True, type=Path, help="folder of their samples")
    parser.add_argument("--stats", required=True, type=Path, help="folder of the stages' stats")
    parser.add_argument(
        "--stage", action="append", default=[], help="a stage with a score cache; may be repeated"
    )
    parser.add_argument("--cache", required=True, type=Path, help="root of the score cache")
    parser.add_argument(
        "--configuration",
        required=True,
        type=json_object,
        metavar="JSON",
        help="part of the configuration to record in the manifest",
    )
    parser.add_argument(
        "--receipt",
        action="append",
        default=[],
        type=named_path,
        metavar="USE=FILE",
        help="receipt of a model; may be repeated",
    )
    cli.add_external(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="JSONL")
    parser.add_argument(
        "--held-out",
        action="append",
        default=[],
        type=named_path,
        metavar="SPLIT=JSONL",
        help="file of a split of --configuration; may be repeated",
    )
    parser.add_argument("--manifest", required=True, type=Path, metavar="JSON")
    cli.add_made_with(parser)
    cli.run(main, parser)
