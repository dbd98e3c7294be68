#!/usr/bin/env python3
"""Score the videos of one shard: is someone's face on the screen all the time?"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.models import read_receipt
from livecc.score_talking_head.shard import prepare
from livecc.scoring import ScoreJob


def job(options: argparse.Namespace) -> ScoreJob[Any]:
    if options.engine == "face_presence":
        engine_options = {
            "frames": options.frames,
            "detector": options.detector,
            "score_threshold": options.min_score,
            "min_face": options.min_face,
        }
        batch = {}
    else:
        engine_options = {
            "frames": options.frames,
            "question": options.question,
            "answer": options.answer,
            "dtype": options.dtype,
        }
        batch = {"batch_size": options.videos_per_batch}
    return prepare(
        track=options.track,
        shard=options.shard,
        clips=options.clips,
        videos=options.videos,
        scores=dict(options.score),
        gate=cli.gate_of(options),
        engine=options.engine,
        options={name: value for name, value in engine_options.items() if value is not None},
        batch=batch,
        decode_timeout_seconds=options.decode_timeout_seconds,
        model=read_receipt(options.receipt),
        mode=options.mode,
        device=options.device,
        threads=options.threads,
    )


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    cli.add_scoring(parser)
    cli.add_gate(parser)
    parser.add_argument(
        "--videos", required=True, type=Path, metavar="FOLDER", help="folder of the video files"
    )
    parser.add_argument("--receipt", required=True, type=Path, help="receipt of the model")
    parser.add_argument("--engine", default="face_presence", choices=["face_presence", "qwen2_vl"])
    parser.add_argument("--frames", type=int, default=8, help="frames sampled from a video")
    group = parser.add_argument_group("face_presence")
    group.add_argument("--detector", default="centerface", choices=["centerface", "yunet", "scrfd"])
    group.add_argument("--min-score", type=float, help="least score of a face")
    group.add_argument("--min-face", type=float, help="least height, as a share of the frame's")
    group = parser.add_argument_group("qwen2_vl")
    group.add_argument("--question", help="default: the paper's")
    group.add_argument("--answer", help="whose probability is the score; default: Yes")
    group.add_argument("--dtype", choices=["auto", "float32", "bfloat16", "float16"])
    group.add_argument("--videos-per-batch", type=int, default=64)
    parser.add_argument("--decode-timeout-seconds", type=float, default=60)
    return parser


if __name__ == "__main__":
    cli.run_job(job, parser())
