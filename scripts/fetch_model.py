#!/usr/bin/env python3
"""Find or download a model and write its receipt."""

import argparse
import logging
from pathlib import Path

from livecc import cli
from livecc.files.atomic import write_json
from livecc.models import fetch as models


def main(options: argparse.Namespace) -> None:
    try:
        receipt = models.fetch(options.model, options.models_folder)
    except models.MissingModelError as error:
        if not options.optional:
            raise
        receipt = models.missing_receipt(options.model, error, options.models_folder)
        logging.getLogger(__name__).warning("%s", error)
    write_json(options.output, receipt)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a name in models.yaml, a folder, or owner/name[@revision]")
    parser.add_argument("--models-folder", type=Path, default=Path("models"))
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="the receipt")
    parser.add_argument(
        "--optional",
        action="store_true",
        help="record an unavailable model in its receipt instead of failing",
    )
    cli.run(main, parser)
