#!/usr/bin/env python3
"""Make the page about a run: one HTML file with its funnel, its scores and some of its clips."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.formats.layout import Layout
from livecc.report.make import PageOptions, make_page
from livecc.report.run import run_of
from livecc.sections import json_object


def main(options: argparse.Namespace) -> None:
    run = run_of(Layout(options.results), options.settings)
    page = PageOptions(
        media=options.media,
        megabytes=options.megabytes,
        shown=options.shown,
        pictured=options.pictured,
        played=options.played,
        boxes=options.boxes,
        workers=options.threads,
    )
    make_page(run, options.output, page, options.configfile)
    write_json(options.record, {**options.settings, "made_with": options.made_with})


if __name__ == "__main__":
    default = PageOptions()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, metavar="FOLDER")
    parser.add_argument(
        "--settings",
        required=True,
        type=json_object,
        metavar="JSON",
        help="tracks, stages and selections (livecc.report.run.settings_of)",
    )
    parser.add_argument("--media", choices=("copies", "links", "none"), default=default.media)
    parser.add_argument("--megabytes", type=float, default=default.megabytes, help="size, at most")
    for name, help_text in (
        ("shown", "clips with their words"),
        ("pictured", "of these, clips with six frames"),
        ("played", "of these, clips that play"),
    ):
        parser.add_argument(f"--{name}", type=int, default=getattr(default, name), help=help_text)
    parser.add_argument(
        "--boxes", action="store_true", help="boxes around faces in SFT clips that play"
    )
    parser.add_argument(
        "--configfile", action="append", default=[], help="for the commands in the page"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--record", required=True, type=Path, help="where to store the settings")
    cli.add_made_with(parser)
    cli.run(main, parser)
