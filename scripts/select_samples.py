#!/usr/bin/env python3
"""Decide which clips of the given shards a selection keeps, and write them as samples."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import read_json
from livecc.formats.layout import Layout
from livecc.formats.samples import SampleForm
from livecc.sections import json_object
from livecc.selecting.select_samples import select_pack
from livecc.selecting.top import Cut
from livecc.stages.catalogue import catalogue_for
from livecc.stages.job_spec import track_name
from livecc.thresholds.top import Top


def main(options: argparse.Namespace) -> None:
    catalogue = catalogue_for(options.external, *options.stage, tracks=(options.track,))
    layout = Layout(options.results)
    cut = None
    if Top.of(options.thresholds):
        cut = Cut.from_json(read_json(Path(layout.cut(options.track, options.selection))))
    select_pack(
        track=catalogue.tracks[options.track],
        thresholds=options.thresholds,
        gates=options.gates,
        stages=[catalogue.score_stage(name) for name in options.stage],
        layout=layout,
        selection=options.selection,
        shards=options.shard,
        output=options.output,
        made_with=options.made_with,
        cut=cut,
        form=SampleForm(options.video_prefix, with_category=not options.without_category),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, metavar="FOLDER")
    parser.add_argument("--track", required=True, type=track_name)
    parser.add_argument("--selection", required=True, help="name of its folder in the results")
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
    parser.add_argument(
        "--video-prefix", default="", help="what to write before each path (default: nothing)"
    )
    parser.add_argument(
        "--without-category", action="store_true", help="samples do not tell the category"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="report")
    cli.add_made_with(parser)
    cli.run(main, parser)
