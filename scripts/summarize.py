#!/usr/bin/env python3
"""Summarize a run: its input, its output, and what was dropped and why."""

import argparse
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_bytes, write_json
from livecc.formats.layout import Layout
from livecc.sections import json_object
from livecc.stages.catalogue import catalogue_for
from livecc.summary import render, summarize


def main(options: argparse.Namespace) -> None:
    stages = [stage for parts in options.layout.values() for stage in parts["stages"]]
    catalogue = catalogue_for(options.external, *stages)
    summary = summarize(Layout(options.results), options.layout, catalogue)
    write_json(options.json, {**summary, "made_with": options.made_with})
    write_bytes(options.text, render(summary, catalogue.rules).encode("utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, metavar="FOLDER")
    parser.add_argument(
        "--layout",
        required=True,
        type=json_object,
        metavar="JSON",
        help="stages and selections",
    )
    cli.add_external(parser)
    parser.add_argument("--json", required=True, type=Path)
    parser.add_argument("--text", required=True, type=Path)
    cli.add_made_with(parser)
    cli.run(main, parser)
