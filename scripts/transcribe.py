#!/usr/bin/env python3
"""Transcribe the videos of one shard: words with times."""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.files import read_json
from livecc.models import read_receipt
from livecc.scoring import ScoreJob
from livecc.transcribe.shard import prepare


def job(options: argparse.Namespace) -> ScoreJob[Any]:
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
    return prepare(
        track=options.track,
        shard=options.shard,
        records=options.records,
        videos=options.videos,
        engine=options.engine,
        options={name: value for name, value in engine_options.items() if value is not None},
        batch_size=options.batch_size,
        decode_timeout_seconds=options.decode_timeout_seconds,
        model=read_receipt(options.receipt),
        model_name=read_json(options.receipt)["model"],
        align_model=options.align_receipt and read_receipt(options.align_receipt),
        mode=options.mode,
        device=options.device,
        threads=options.threads,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_shard(parser)
    parser.add_argument("--records", required=True, type=Path, metavar="PARQUET")
    parser.add_argument(
        "--videos", required=True, type=Path, metavar="FOLDER", help="folder of the video files"
    )
    parser.add_argument("--receipt", required=True, type=Path, help="receipt of the model")
    parser.add_argument(
        "--engine", default="faster_whisper", choices=["faster_whisper", "whisperx"]
    )
    parser.add_argument(
        "--compute-type", help="CTranslate2's number format; default: float16 on CUDA, int8 on CPUs"
    )
    parser.add_argument("--batch-size", type=int, help="windows a batch; default: by device")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--language", help="default: identified for each video")
    parser.add_argument(
        "--wanted", action="append", dest="languages", metavar="LANGUAGE", help="may be repeated"
    )
    parser.add_argument("--max-seconds", type=float, help="longer files fail; default: no limit")
    parser.add_argument("--decode-timeout-seconds", type=float, default=300)
    group = parser.add_argument_group("faster_whisper")
    group.add_argument("--vad-threshold", type=float)
    group.add_argument("--vad-min-silence-ms", type=int)
    group.add_argument("--vad-pad-ms", type=int)
    group = parser.add_argument_group("whisperx")
    group.add_argument("--vad-onset", type=float)
    group.add_argument("--vad-offset", type=float)
    group.add_argument(
        "--align-receipt", type=Path, help="receipt of the alignment model; default: by language"
    )
    cli.add_device(parser)
    parser.add_argument("--transcripts", required=True, type=Path, metavar="JSONL", dest="output")
    parser.add_argument("--stats", required=True, type=Path, metavar="JSON")
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
