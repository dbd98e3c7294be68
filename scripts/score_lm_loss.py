#!/usr/bin/env python3
"""Score the language-model loss of the clips of one shard."""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.models import read_receipt
from livecc.score_lm_loss.prompts import PAPER_PROMPTS, Prompts
from livecc.score_lm_loss.shard import prepare
from livecc.scoring import ScoreJob


def job(options: argparse.Namespace) -> ScoreJob[Any]:
    return prepare(
        track=options.track,
        shard=options.shard,
        transcripts=options.transcripts,
        clips=options.clips,
        scores=dict(options.score),
        gate=cli.gate_of(options),
        model=read_receipt(options.receipt),
        mode=options.mode,
        device=options.device,
        threads=options.threads,
        dtype=options.dtype,
        prompts=Prompts(**options.prompts) if options.prompts else PAPER_PROMPTS,
        max_context_tokens=options.max_context_tokens,
        tokens_per_batch=options.tokens_per_batch,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_scoring(parser)
    cli.add_transcripts(parser)
    cli.add_gate(parser)
    parser.add_argument("--receipt", required=True, type=Path, help="receipt of the model")
    parser.add_argument(
        "--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"]
    )
    parser.add_argument(
        "--prompts", type=cli.json_object, metavar="JSON", help="default: the paper's"
    )
    parser.add_argument("--max-context-tokens", type=int, help="default: what the model allows")
    parser.add_argument("--tokens-per-batch", type=int, help="default: what suits the device")
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
