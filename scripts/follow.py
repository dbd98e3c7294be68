#!/usr/bin/env python3
"""Show how far a run is: stages with items a second and time left, and what failed."""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.errors import LiveccError
from livecc.files import read_json
from livecc.follow_view import on_screen, render, to_text


def main(options: argparse.Namespace) -> None:
    file = options.results / "progress.json"
    if not file.is_file():
        raise LiveccError(f"{file}: no such file; give the results folder of a run that has begun")
    if options.once or not sys.stdout.isatty():
        print(to_text(render(read_json(file))), end="")
        return
    with on_screen() as update:
        while True:
            snapshot = read_json(file)
            # A screen breaks long lines, and a command that is copied from there would not run.
            update(render(snapshot, commands=False))
            if snapshot["state"] != "running":
                return
            time.sleep(options.seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of the run")
    parser.add_argument("--once", action="store_true", help="print it once and end")
    parser.add_argument("--seconds", type=float, default=2.0, help="between looks")
    cli.run(main, parser)
