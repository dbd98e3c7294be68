#!/usr/bin/env python3
"""Check input files of a track: what is wrong, line by line.

Exits with status 1 when there are errors; warnings alone do not stop a run.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.errors import LiveccError
from livecc.validate_input import Checked, validate


def main(options: argparse.Namespace) -> int:
    if options.videos is not None and not options.videos.is_dir():
        raise LiveccError(f"--videos {options.videos}: no such folder")
    checked = Checked()
    counts = {"error": 0, "warning": 0}
    for finding in validate(options.track, options.input, options.videos, checked):
        counts[finding.severity] += 1
        print(finding)
    print(
        f"{checked.files} files, {checked.lines} lines, {checked.videos} usable videos: "
        f"{counts['error']} errors, {counts['warning']} warnings"
    )
    return 1 if counts["error"] else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("input", nargs="+", type=Path, help="JSON-lines files (.gz, .zst too)")
    parser.add_argument(
        "--track", default="pretrain", choices=["pretrain", "sft"], help="default: %(default)s"
    )
    parser.add_argument(
        "--videos", type=Path, metavar="FOLDER", help="check that the video files are there"
    )
    cli.run(main, parser)
