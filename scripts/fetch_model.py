#!/usr/bin/env python3
"""Find or download a model and write its receipt."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli, models
from livecc.files import write_json


def main(options: argparse.Namespace) -> None:
    write_json(options.output, models.fetch(options.model, options.models_folder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a name of models.yaml, a folder, or owner/name[@revision]")
    parser.add_argument("--models-folder", type=Path, default=Path("models"))
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the receipt")
    cli.run(main, parser)
