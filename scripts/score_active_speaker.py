#!/usr/bin/env python3
"""Score the clips of one shard: in how much of each is its speaker on the screen?"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.score_active_speaker.shard import prepare
from livecc.scoring import ScoreJob


def job(options: argparse.Namespace) -> ScoreJob[Any]:
    return prepare(
        track=options.track,
        shard=options.shard,
        transcripts=options.transcripts,
        clips=options.clips,
        videos=options.videos,
        scores=dict(options.score),
        gate=cli.gate_of(options),
        receipt=options.receipt,
        detector=options.detector,
        detector_receipt=options.detector_receipt,
        decode_timeout_seconds=options.decode_timeout_seconds,
        mode=options.mode,
        device=options.device,
        threads=options.threads,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_scoring(parser)
    cli.add_transcripts(parser)
    cli.add_gate(parser)
    parser.add_argument(
        "--videos", required=True, type=Path, metavar="FOLDER", help="folder of the video files"
    )
    parser.add_argument("--receipt", required=True, type=Path, help="receipt of Light-ASD")
    parser.add_argument("--detector", default="scrfd", choices=["scrfd", "yunet", "centerface"])
    parser.add_argument(
        "--detector-receipt", required=True, type=Path, help="receipt of the face detector"
    )
    parser.add_argument("--decode-timeout-seconds", type=float, default=300)
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
