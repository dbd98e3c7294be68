"""The batch measurements of bench_score_lm_loss: speed, and differences in losses.

Videos have 1,500 words and three clips of 150, as docs/slurm.md assumes for pre-training; with
--input, real captions are used.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bench_score_lm_loss import make_requests, make_tokenizer
from benchmarks.cuda_timing import (
    device_name,
    language_model_operations,
    matrix_speed,
    peak_gigabytes,
    seconds,
    where_time_goes,
)
from livecc.inference.token_budget import TokenBudget
from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.prompts import EncodedClip, LossRequest
from livecc.stages.score_lm_loss.shard import DECIMALS
from livecc.stages.score_lm_loss.token_tree import build_token_forest

#: Hidden size, layers, heads, key heads, intermediate size, vocabulary, tied; per size of Qwen2.
SIZES = {
    "small": (256, 4, 8, 2, 704, 151_936, True),
    "1.5b": (1536, 28, 12, 2, 8960, 151_936, True),
    "7b": (3584, 28, 28, 4, 18_944, 152_064, False),
}
WORDS, CLIP_WORDS = 1500, 150

Group = list[LossRequest]


def made_up_videos(count: int) -> list[Group]:
    return [
        [
            LossRequest(f"{video}#{clip.key}", clip.title, clip.context, clip.text)
            for clip in make_requests(WORDS // CLIP_WORDS, CLIP_WORDS, seed=video)[2::3]
        ]
        for video in range(count)
    ]


def real_videos(path: Path, count: int) -> list[Group]:
    """From caption tracks, one per line: three clips of the first 1,500 words."""
    groups: list[Group] = []
    for number, line in enumerate(path.read_bytes().splitlines()):
        words = " ".join(part[2] for part in json.loads(line)["subtitles"]).split()[:WORDS]
        starts = range(2 * CLIP_WORDS, len(words) - CLIP_WORDS + 1, 3 * CLIP_WORDS)
        clips = [
            LossRequest(
                f"{number}#{start}",
                "A video with captions",
                " ".join(words[:start]),
                " ".join(words[start : start + CLIP_WORDS]),
            )
            for start in starts
        ]
        if clips:
            groups.append(clips)
    return groups[:count]


def make_random_model(folder: Path, size: str, device: str, texts: list[str]) -> None:
    """A Qwen2 of this size with random weights in bfloat16, generated on the device."""
    from transformers import AutoModelForCausalLM, Qwen2Config

    make_tokenizer(folder, texts)
    hidden, layers, heads, keys, intermediate, vocabulary, tied = SIZES[size]
    config = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=keys,
        max_position_embeddings=32_768,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(0)
    with torch.device(device):
        network = AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, trust_remote_code=False
        )
    network.save_pretrained(folder)


def losses_of(engine: LossEngine, groups: Sequence[Group]) -> dict[str, float]:
    found = {r.key: r.loss for batch in engine.score(groups) for r in batch}
    assert None not in found.values()
    return {key: float(loss or 0.0) for key, loss in found.items()}


def operations(engine: LossEngine, groups: Sequence[Group]) -> tuple[float, int, int]:
    """(floating-point operations of the trees, their tokens, tokens of clips one by one)."""
    total, tokens, alone = 0.0, 0, 0
    for group in groups:
        clips = [clip for clip in engine.encoder.encode(group) if isinstance(clip, EncodedClip)]
        forest = build_token_forest([[(clip.ids[:-1], len(clip.targets)) for clip in clips]])
        scored = sum(len(clip.targets) for clip in clips)
        pairs = int(np.sum(forest.depth + 1))
        config = engine.model.network.config
        total += language_model_operations(config, len(forest), pairs, scored)
        tokens += len(forest)
        alone += sum(len(clip.ids) for clip in clips)
    return total, tokens, alone


def load(folder: Path, device: str, dtype: str) -> LossEngine:
    began = time.perf_counter()
    engine = LossEngine.load(folder, device=device, dtype=dtype)
    print(
        f"{dtype}: loaded and checked in {time.perf_counter() - began:.1f} s, {engine.strategy}, "
        f"{engine.budget.most} tokens a pass unless said otherwise",
        flush=True,
    )
    return engine


def speed(engine: LossEngine, groups: Sequence[Group], budgets: list[int], runs: int) -> None:
    device, dtype = engine.model.device, engine.model.network.dtype
    needed, tokens, alone = operations(engine, groups)
    clips = sum(map(len, groups))
    limit = matrix_speed(device, dtype)
    print(
        f"{len(groups)} videos, {clips} clips, {tokens:,} tokens in their trees ({alone:,} one by "
        f"one), {needed / 1e12:.1f} TFLOP; a matrix product makes {limit / 1e12:.1f} TFLOP/s"
    )
    print(
        f"{'tokens a pass':>14}{'seconds':>9}{'clips/s':>9}{'videos/s':>9}{'tokens/s':>10}"
        f"{'TFLOP/s':>9}{'of product':>11}{'peak GB':>9}"
    )
    for budget in budgets:
        engine.budget = TokenBudget(budget)
        losses_of(engine, groups[: max(1, len(groups) // 8)])
        peak_gigabytes(device, reset=True)
        took = seconds(lambda: losses_of(engine, groups), device, runs)
        print(
            f"{budget:>14,}{took:>9.2f}{clips / took:>9.1f}{len(groups) / took:>9.1f}"
            f"{tokens / took:>10,.0f}{needed / took / 1e12:>9.1f}{needed / took / limit:>11.3f}"
            f"{peak_gigabytes(device):>9.1f}",
            flush=True,
        )
    some = groups[: max(1, len(groups) // 8)]
    for budget in budgets:
        engine.budget = TokenBudget(budget)
        print(f"  at {budget:,}: {where_time_goes(lambda: losses_of(engine, some), device)}")
    print(f"  encoding alone {seconds(lambda: operations(engine, groups), device, 1):.2f} s")


def divisions(engine: LossEngine, groups: Sequence[Group]) -> dict[str, dict[str, float]]:
    """The losses of the same clips for different batches."""
    single = [[clip] for group in groups for clip in group]
    found: dict[str, dict[str, float]] = {"each alone": {}}
    for group in single:
        found["each alone"] |= losses_of(engine, [group])
    found["each alone, again"] = {}
    for group in single:
        found["each alone, again"] |= losses_of(engine, [group])
    limit, engine.tree_limit = engine.tree_limit, 0
    found["each alone, the model's own mask"] = losses_of(engine, single)
    engine.tree_limit = limit
    found["8 together"] = {}
    for first in range(0, len(single), 8):
        # Groups of one clip: 8 trees in one forest.
        found["8 together"] |= losses_of(engine, single[first : first + 8])
    found["a video together"] = {}
    for group in groups:
        found["a video together"] |= losses_of(engine, [group])
    for budget in (1024, 4096, 8192):
        engine.budget = TokenBudget(budget)
        found[f"all, passes of {budget:,}"] = losses_of(engine, groups)
    return found


def report_divisions(
    found: dict[str, dict[str, float]], exact: dict[str, float] | None, dtype: str
) -> None:
    base = found["each alone"]
    print(f"{dtype}: losses of {len(base)} clips, mean {np.mean([*base.values()]):.3f}")
    print(f"  {'':<36}{'differ in the':>14}{'difference from each alone':>28}{'from fp32':>20}")
    print(f"  {'':<36}{f'{DECIMALS}th decimal':>14}{'mean':>14}{'largest':>14}", end="")
    print(f"{'mean':>10}{'largest':>10}")
    for way, losses in found.items():
        d = np.array([abs(losses[key] - base[key]) for key in base])
        changed = sum(round(losses[k], DECIMALS) != round(base[k], DECIMALS) for k in base)
        text = f"  {way:<36}{changed / len(base):>14.0%}{d.mean():>14.2e}{d.max():>14.2e}"
        if exact:
            e = np.array([abs(losses[key] - exact[key]) for key in base])
            text += f"{e.mean():>10.1e}{e.max():>10.1e}"
        print(text, flush=True)


def out_of_memory(engine: LossEngine, groups: Sequence[Group]) -> None:
    """Score again with little memory in addition to the model."""
    device = engine.model.device
    if device.type != "cuda":
        return
    engine.budget = TokenBudget(8192)
    expected = losses_of(engine, groups)
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated(device)
    whole = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction((held + 7e8) / whole)
    try:
        engine.budget = TokenBudget(8192)
        losses = losses_of(engine, groups)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    largest = max(abs(losses[key] - expected[key]) for key in expected)
    print(
        f"with 0.7 GB beside the model: {engine.budget.tokens} tokens a pass in the end, losses "
        f"differ by {largest:.1e} at most"
    )


def measure_batches(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    groups = real_videos(args.input, args.videos) if args.input else made_up_videos(args.videos)
    texts = [f"{clip.context} {clip.text}" for group in groups for clip in group]
    with tempfile.TemporaryDirectory() as name:
        folder = args.model or Path(name)
        what = str(args.model)
        if not args.model:
            began = time.perf_counter()
            make_random_model(folder, args.size, args.device, texts)
            what = f"random Qwen2 {args.size}"
            print(f"model made and written in {time.perf_counter() - began:.1f} s")
        print(f"{what} on {device_name(device)}, torch {torch.__version__}", flush=True)
        exact: dict[str, float] | None = None
        for dtype in _with_fp32_first(args.dtypes):
            engine = load(folder, args.device, dtype)
            if args.budgets:
                speed(engine, groups, args.budgets, args.runs)
            if args.divide:
                engine.budget = TokenBudget(4096)
                found = divisions(engine, groups[: args.divide])
                if dtype == "float32":
                    exact = found["each alone, the model's own mask"]
                report_divisions(found, exact, dtype)
            out_of_memory(engine, groups[:8])
            del engine
            if device.type == "cuda":
                torch.cuda.empty_cache()


def _with_fp32_first(dtypes: Sequence[str]) -> Iterator[str]:
    yield from sorted(dtypes, key=lambda dtype: dtype != "float32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group: Any = parser.add_argument_group("batches (with --budgets or --divide)")
    group.add_argument("--budgets", type=int, nargs="+", help="tokens per pass to measure")
    group.add_argument("--divide", type=int, help="number of videos to compare losses of")
    group.add_argument("--device", default="cpu")
    group.add_argument("--dtypes", nargs="+", default=["bfloat16"])
    group.add_argument("--size", choices=SIZES, default="small", help="size of the random model")
    group.add_argument("--model", type=Path, help="folder of a model (default: a random one)")
    group.add_argument("--input", type=Path, help="captions (default: synthetic words)")
    group.add_argument("--videos", type=int, default=32)
