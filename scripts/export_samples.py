#!/usr/bin/env python3
"""Write a format of a selection (livecc.exports), and its manifest."""

import argparse

from livecc import cli
from livecc.exports.export import export
from livecc.exports.formats import FORMATS
from livecc.exports.release import Release
from livecc.formats.layout import Layout
from livecc.sections import json_object
from livecc.stages.catalogue import catalogue_for
from livecc.stages.job_spec import named_path, track_name
from livecc.terminal import say


def main(options: argparse.Namespace) -> None:
    stages = tuple(options.stage)
    release = Release(
        layout=Layout(options.results),
        track=options.track,
        selection=options.selection,
        stages=stages,
        catalogue=catalogue_for(options.external, *stages, tracks=(options.track,)),
        exported=dict(options.described),
    )
    written = export(FORMATS[options.format], release, options.options, options.made_with)
    for path in written.values():
        say(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("--results", required=True, metavar="FOLDER")
    parser.add_argument("--track", required=True, type=track_name)
    parser.add_argument("--selection", required=True)
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        help="a finished score stage, in the order of the stages; may be repeated",
    )
    parser.add_argument(
        "--described",
        action="append",
        default=[],
        type=named_path,
        metavar="FORMAT=JSON",
        help="manifest of a format that this one describes; may be repeated",
    )
    cli.add_external(parser)
    parser.add_argument(
        "--options",
        default={},
        type=json_object,
        metavar="JSON",
        help="the format's part of the section `exports`",
    )
    cli.add_made_with(parser)
    cli.run(main, parser)
