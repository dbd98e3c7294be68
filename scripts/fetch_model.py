#!/usr/bin/env python3
"""Find or download a model and write its receipt."""

import argparse
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli, models
from livecc.files import write_json


def main(options: argparse.Namespace) -> None:
    try:
        receipt = models.fetch(options.model, options.models_folder)
    except models.MissingModelError as error:
        if not options.optional:
            raise
        receipt = models.missing_receipt(options.model, error)
        logging.getLogger(__name__).warning("%s", error)
    write_json(options.output, receipt)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a name of models.yaml, a folder, or owner/name[@revision]")
    parser.add_argument("--models-folder", type=Path, default=Path("models"))
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the receipt")
    parser.add_argument(
        "--optional",
        action="store_true",
        help="a model that cannot be had is no error: its receipt says so",
    )
    cli.run(main, parser)
