#!/usr/bin/env python3
"""Identify the language of each clip's text in one shard."""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.identify_language.shard import prepare
from livecc.models import read_receipt
from livecc.scoring import ScoreJob


def job(options: argparse.Namespace) -> ScoreJob[Any]:
    return prepare(
        track=options.track,
        shard=options.shard,
        transcripts=options.transcripts,
        clips=options.clips,
        engine=options.engine,
        model=read_receipt(options.receipt) if options.receipt else None,
        device=options.device,
        threads=options.threads,
        tokens_per_batch=options.tokens_per_batch,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_scoring(parser)
    cli.add_transcripts(parser)
    parser.add_argument("--engine", default="langid", choices=["langid", "xlm_roberta"])
    parser.add_argument("--receipt", type=Path, help="receipt of the model (xlm_roberta)")
    parser.add_argument("--tokens-per-batch", type=int, help="default: what suits the device")
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
