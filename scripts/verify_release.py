#!/usr/bin/env python3
"""Check that released files are what their manifests say: size, sha256, number of samples."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.release import manifests, verify


def main(options: argparse.Namespace) -> int:
    paths = manifests(options.place)
    problems = [problem for path in paths for problem in verify(path)]
    for problem in problems:
        print(problem)
    print(f"manifests checked: {len(paths)}, problems: {len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "place",
        nargs="+",
        type=Path,
        metavar="PLACE",
        help="a released file, its manifest, or a folder: all manifests below it",
    )
    cli.run(main, parser)
