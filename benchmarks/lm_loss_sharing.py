"""The sharing measurements of bench_score_lm_loss: how much clips share, and what that is worth.

Videos have 1, 3, 7 or 20 clips of about 150 words in a row, with the transcript so far as context,
as in the pre-training track; or clips of 75 to 500 words without context, as in the SFT track. Each
is scored by the engine's own plan, by the plans it chooses from, and by a plain loop: one causal
forward pass a clip, with logits for the scored tokens alone. The model is a random Qwen2 of hidden
size 896 with few layers and a small vocabulary: the ratios depend on neither.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bench_score_lm_loss import make_model, make_requests
from livecc.inference.token_budget import TokenBudget
from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.pass_plan import PassCosts
from livecc.stages.score_lm_loss.prompts import EncodedClip, LossRequest

Group = list[LossRequest]
#: Clips a video: number of videos.
VIDEOS = {1: 10, 3: 4, 7: 2, 20: 1}
SFT_CLIPS = 12


def videos_of(clips: int, count: int, words: list[list[str]] | None) -> list[Group]:
    if words is None:
        return [
            [
                LossRequest(f"{video}#{clip.key}", clip.title, clip.context, clip.text)
                for clip in make_requests(clips, 150, seed=video + 1)
            ]
            for video in range(count)
        ]
    long_enough = [stream for stream in words if len(stream) >= 150 * clips]
    return [
        [
            LossRequest(
                f"{video}#{i}",
                "A video",
                " ".join(stream[: 150 * i]),
                " ".join(stream[150 * i : 150 * (i + 1)]),
            )
            for i in range(clips)
        ]
        for video, stream in enumerate(long_enough[:count])
    ]


def sft_clips(words: list[list[str]] | None) -> list[Group]:
    """Clips of 75 to 500 words, three a video."""
    rng = random.Random(0)
    streams = words or [
        make_requests(1, 1500, seed=video + 1)[0].text.split() for video in range(SFT_CLIPS // 3)
    ]
    groups = []
    for video in range(SFT_CLIPS // 3):
        stream, begin, group = streams[video], 0, []
        for i in range(3):
            text = stream[begin : begin + rng.randint(75, 500)]
            begin += len(text)
            group.append(LossRequest(f"{video}#{i}", f"Video {video}", None, " ".join(text)))
        groups.append(group)
    return groups


def plain_loop(engine: LossEngine, groups: list[Group]) -> dict[str, float]:
    losses = {}
    for group in groups:
        for clip in engine.encoder.encode(group):
            assert isinstance(clip, EncodedClip)
            rows = np.arange(clip.first_scored - 1, len(clip.ids) - 1)
            found, _ = engine.model.token_losses(clip.ids[:-1], rows, clip.targets)
            losses[clip.key] = float(found.mean(dtype=np.float64))
    return losses


def ways(engine: LossEngine) -> dict[str, Callable[[list[Group]], dict[str, float]]]:
    own = engine.costs

    def scored(
        costs: PassCosts, tokens: int, *, alone: bool = False
    ) -> Callable[[list[Group]], dict[str, float]]:
        def run(groups: list[Group]) -> dict[str, float]:
            engine.costs, engine.budget = costs, TokenBudget(tokens)
            if alone:
                groups = [[clip] for group in groups for clip in group]
            results = {r.key: r.loss for batch in engine.score(groups) for r in batch}
            assert None not in results.values()
            return {key: float(loss or 0.0) for key, loss in results.items()}

        return run

    most = engine.budget.most
    return {
        "plain loop": lambda groups: plain_loop(engine, groups),
        f"plan, {most} tokens a pass": scored(own, most),
        f"plan, {most * 2} tokens a pass": scored(own, most * 2),
        "rows": scored(own, most, alone=True),
        "a tree a video": scored(PassCosts(pair=0.0, enough=own.enough), most),
        "trees of all videos, 1024 a pass": scored(PassCosts(pair=0.0, enough=1024), 1024),
    }


def measure_sharing(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    words: Any = None
    if args.input:
        lines = args.input.read_text().splitlines()
        words = [[word[2].strip() for word in json.loads(line)["content"]] for line in lines]
    inputs = {
        f"{clips} clips a video": videos_of(clips, count, words) for clips, count in VIDEOS.items()
    }
    inputs["SFT, no context"] = sft_clips(words)
    with tempfile.TemporaryDirectory() as name:
        make_model(
            Path(name),
            [clip.text for groups in inputs.values() for group in groups for clip in group],
            vocab_size=4096,
            hidden_size=896,
            intermediate_size=4864,
            num_hidden_layers=args.layers,
            num_attention_heads=14,
        )
        engine = LossEngine.load(Path(name), device="cpu", dtype="float32")
    print(f"processor seconds, median of {args.runs} interleaved runs, {args.threads} threads")
    print(f"{'':<20}{'way':<36}{'seconds':>9}{'of plain':>10}{'max |d loss|':>14}")
    compared = ways(engine)
    for label, groups in inputs.items():
        taken: dict[str, list[float]] = {}
        losses: dict[str, dict[str, float]] = {}
        for _ in range(args.runs):
            for way, run in compared.items():
                began = time.process_time()
                losses[way] = run(groups)
                taken.setdefault(way, []).append(time.process_time() - began)
        plain = losses["plain loop"]
        for way, seconds in taken.items():
            ratios = [a / b for a, b in zip(seconds, taken["plain loop"], strict=True)]
            difference = max(abs(losses[way][key] - plain[key]) for key in plain)
            print(
                f"{label:<20}{way:<36}{statistics.median(seconds):>9.2f}"
                f"{statistics.median(ratios):>10.3f}{difference:>14.1e}",
                flush=True,
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group: Any = parser.add_argument_group("clips that share more or less (with --sharing)")
    group.add_argument("--sharing", action="store_true", help="compare the plans by processor time")
    group.add_argument("--layers", type=int, default=4, help="layers of the random model")
