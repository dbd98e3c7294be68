#!/usr/bin/env python3
"""Transcribe the videos of one shard: words with times."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.models import read_model, read_receipt
from livecc.transcribe.shard import score_shard


def main(options: argparse.Namespace) -> None:
    engine_options = {
        "compute_type": options.compute_type,
        "beam_size": options.beam_size,
        "language": options.language,
        "languages": options.languages and tuple(options.languages),
        "max_seconds": options.max_seconds,
    }
    if options.engine == "faster_whisper":
        engine_options |= {
            "vad_threshold": options.vad_threshold,
            "vad_min_silence_ms": options.vad_min_silence_ms,
            "vad_pad_ms": options.vad_pad_ms,
        }
    else:
        engine_options |= {"vad_onset": options.vad_onset, "vad_offset": options.vad_offset}
    score_shard(
        track=options.track,
        shard=options.shard,
        records=options.records,
        videos=options.videos,
        engine=options.engine,
        options={name: value for name, value in engine_options.items() if value is not None},
        batch_size=options.batch_size,
        decode_timeout_seconds=options.decode_timeout_seconds,
        model=read_receipt(options.receipt),
        model_name=model_name(options.receipt),
        align_model=options.align_receipt and read_receipt(options.align_receipt),
        mode=options.mode,
        device=options.device,
        threads=options.threads,
        cache=options.cache,
        output=options.output,
        stats=options.stats,
    )
