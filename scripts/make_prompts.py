#!/usr/bin/env python3
"""Ask a chat model for the prompts of the clips of one shard."""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.make_prompts.settings import ENGINES
from livecc.make_prompts.shard import prepare
from livecc.models import read_receipt
from livecc.scoring import ScoreJob


def job(options: argparse.Namespace) -> ScoreJob[Any]:
    return prepare(
        track=options.track,
        shard=options.shard,
        transcripts=options.transcripts,
        clips=options.clips,
        scores=dict(options.score),
        gate=cli.gate_of(options),
        engine=options.engine,
        settings=options.settings,
        service=options.service,
        model=read_receipt(options.receipt) if options.receipt else None,
        device=options.device,
        threads=options.threads,
        cache=options.cache,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="settings_of and service_of in livecc/make_prompts/settings.py make --settings and "
        "--service from the section make_prompts of a configuration",
    )
    cli.add_scoring(parser)
    cli.add_transcripts(parser)
    cli.add_gate(parser)
    parser.add_argument("--engine", required=True, choices=ENGINES)
    parser.add_argument(
        "--settings",
        required=True,
        type=cli.json_object,
        metavar="JSON",
        help="options that change an answer",
    )
    parser.add_argument(
        "--service",
        default={},
        type=cli.json_object,
        metavar="JSON",
        help="options that do not: address, pace, prices",
    )
    parser.add_argument("--receipt", type=Path, help="receipt of the model (transformers)")
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
