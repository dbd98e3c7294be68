#!/usr/bin/env python3
"""Sum up a run: what went in, what came out, what was dropped and why."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.files import write_bytes, write_json
from livecc.summarize import render, summarize


def main(options: argparse.Namespace) -> None:
    summary = summarize(options.results, options.layout)
    write_json(options.json, summary)
    write_bytes(options.text, render(summary).encode("utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, type=Path, metavar="FOLDER")
    parser.add_argument(
        "--layout",
        required=True,
        type=cli.json_object,
        metavar="JSON",
        help="stages and selections",
    )
    parser.add_argument("--json", required=True, type=Path)
    parser.add_argument("--text", required=True, type=Path)
    cli.run(main, parser)
