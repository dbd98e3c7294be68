"""The Qwen2-VL measurements of bench_score_talking_head: speed by videos per batch.

Frames are random, with the size of the model's input in paper mode (308 x 168: 66 tokens each). The
weights are also random, generated on the device; the tokenizer is that of the tests.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cuda_timing import (
    device_name,
    language_model_operations,
    matrix_speed,
    peak_gigabytes,
    seconds,
    where_time_goes,
)
from livecc.media.frames import Frames
from livecc.media.pool import DecodeOptions, Failure
from livecc.stages.score_talking_head.patches import processor_size
from livecc.stages.score_talking_head.qwen2_vl import (
    PAPER_HEIGHT,
    PAPER_WIDTH,
    Qwen2VL,
    Qwen2VLOptions,
)
from tests.stages.score_talking_head.tiny_qwen2_vl import write_tiny_qwen2_vl

#: Hidden size, layers, heads, key heads, intermediate size, vocabulary, tied; depth, width and
#: heads of the vision tower; sections of the rotary embedding.
SIZES: dict[str, tuple[Any, ...]] = {
    "tiny": (64, 2, 4, 2, 96, 9508, True, 2, 32, 2, [2, 3, 3]),
    "2b": (1536, 28, 12, 2, 8960, 151_936, True, 32, 1280, 16, [16, 24, 24]),
    "7b": (3584, 28, 28, 4, 18_944, 152_064, False, 32, 1280, 16, [16, 24, 24]),
}


def make_random_model(folder: Path, size: str, device: str) -> None:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    write_tiny_qwen2_vl(folder)
    if size == "tiny":
        return
    hidden, layers, heads, keys, intermediate, words, tied, depth, width, looks, mrope = SIZES[size]
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "intermediate_size": intermediate,
        "vocab_size": words,
        "tie_word_embeddings": tied,
        "initializer_range": 0.02,
        "rope_scaling": {"type": "mrope", "mrope_section": mrope},
    }
    vision = {"depth": depth, "embed_dim": width, "num_heads": looks, "hidden_size": hidden}
    config["vision_config"] |= {**vision, "mlp_ratio": 4}
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device):
        model: Any = Qwen2VLForConditionalGeneration(Qwen2VLConfig(**config)).bfloat16()
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    # save_pretrained nests the text options, but on the hub they are flat.
    (folder / "config.json").write_text(json.dumps(config))


def operations(scorer: Qwen2VL, videos: int) -> float:
    """Floating-point operations of this many videos of one size, without padding."""
    text = scorer._model.config.get_text_config()
    vision = scorer._model.config.vision_config
    height, width = paper_size(scorer)
    patches = height * width // scorer._settings.patch**2
    merged = patches // scorer._settings.merge**2
    length = scorer._prompt.length(merged)
    wide = vision.embed_dim
    # Query, key, value, projection and two of the feed-forward; attention; pixels; the merger.
    layer = patches * (4 + 2 * vision.mlp_ratio) * wide**2 + 2 * patches**2 * wide
    merger = merged * (4 * wide * 4 * wide + 4 * wide * text.hidden_size)
    picture = vision.depth * layer + patches * 3 * 2 * scorer._settings.patch**2 * wide + merger
    pairs = length * (length + 1) // 2
    language = language_model_operations(text, length, pairs, 1)
    return videos * (scorer.frames * 2.0 * picture + language)


def paper_size(scorer: Qwen2VL) -> tuple[int, int]:
    return processor_size(PAPER_HEIGHT, PAPER_WIDTH, scorer._settings)


def random_videos(count: int, height: int, width: int) -> list[Frames]:
    rng = np.random.default_rng(0)
    return [
        Frames(rng.integers(0, 256, (8, height, width, 3), dtype=np.uint8), np.arange(8), 8)
        for _ in range(count)
    ]


def scores(scorer: Qwen2VL, videos: list[Frames], batch: int) -> list[float]:
    scorer.batch_size = batch
    found: list[float] = []
    for first in range(0, len(videos), batch):
        for score in scorer._score(videos[first : first + batch]):
            assert not isinstance(score, Failure)
            found.append(score)
    return found


def measure_batches(args: argparse.Namespace) -> None:
    device = torch.device(args.device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        make_random_model(folder, args.size, args.device)
        made = time.perf_counter() - began
        print(f"random Qwen2-VL {args.size} on {device_name(device)}, torch {torch.__version__}")
        print(f"made and written in {made:.1f} s", flush=True)
        for dtype in args.dtypes:
            began = time.perf_counter()
            options = Qwen2VLOptions(dtype=dtype)
            scorer = Qwen2VL(folder, options, DecodeOptions(), device=args.device, mode="paper")
            print(f"{dtype}: loaded in {time.perf_counter() - began:.1f} s", flush=True)
            _measure(scorer, args, device)
            del scorer
            if device.type == "cuda":
                torch.cuda.empty_cache()


def _measure(scorer: Qwen2VL, args: argparse.Namespace, device: torch.device) -> None:
    videos = random_videos(args.videos, *paper_size(scorer))
    needed = operations(scorer, len(videos))
    limit = matrix_speed(device, scorer._model.dtype)
    print(
        f"{len(videos)} videos, {needed / len(videos) / 1e12:.2f} TFLOP each; "
        f"a matrix product makes {limit / 1e12:.1f} TFLOP/s"
    )
    print(f"{'videos a batch':>15}{'videos/s':>10}{'TFLOP/s':>9}{'of product':>11}{'peak GB':>9}")
    base: list[float] = []
    for batch in args.batches:
        scores(scorer, videos[:batch], batch)
        peak_gigabytes(device, reset=True)
        took = seconds(partial(scores, scorer, videos, batch), device, args.runs)
        print(
            f"{batch:>15}{len(videos) / took:>10.1f}{needed / took / 1e12:>9.1f}"
            f"{needed / took / limit:>11.3f}{peak_gigabytes(device):>9.1f}",
            flush=True,
        )
        found = scores(scorer, videos, batch)
        base = base or found
        ratios = [abs(math.log(one / other)) for one, other in zip(found, base, strict=True)]
        print(
            f"{'':>15}log P differs from the first line's by {max(ratios):.1e} at most, "
            f"{np.mean(ratios):.1e} in the mean"
        )
    most = max(args.batches)
    height, width = paper_size(scorer)
    # Their prompts are longer, so a joint batch would be padded.
    larger = random_videos(len(videos), height, width + 2 * scorer._settings.multiple)
    pairs = [video for pair in zip(videos, larger, strict=True) for video in pair]
    mixed = scores(scorer, pairs, most)[::2]
    ratios = [abs(math.log(one / other)) for one, other in zip(mixed, base, strict=True)]
    print(
        f"beside larger pictures log P differs by {max(ratios):.1e} at most, {np.mean(ratios):.1e} "
        f"in the mean; between videos by {np.std(np.log(base)):.1e} (standard deviation)"
    )
    print(f"  {where_time_goes(lambda: scores(scorer, videos[:most], most), device)}")
    if device.type == "cuda":
        _with_little_memory(scorer, videos[:most], device)
    for block in scorer._model.model.visual.blocks:
        # Back to the implementation of transformers.
        del block.attn.forward
    took = seconds(lambda: scores(scorer, videos, most), device, 1)
    print(
        f"  pictures one by one in the vision tower's attention: {len(videos) / took:.1f} videos/s"
    )


def _with_little_memory(scorer: Qwen2VL, videos: list[Frames], device: torch.device) -> None:
    """Test the case that the batch does not fit into memory."""
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(device).total_memory
    held = torch.cuda.memory_allocated(device)
    torch.cuda.set_per_process_memory_fraction((held + 1.5e9) / whole)
    try:
        scorer.batch_size = len(videos)
        found = scorer._score(videos)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    failed = sum(isinstance(score, Failure) for score in found)
    print(f"with 1.5 GB beside the model: {scorer.batch_size} a batch in the end, {failed} failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group: Any = parser.add_argument_group("batches of Qwen2-VL (with --batches), nothing else")
    group.add_argument("--batches", type=int, nargs="+", help="videos per batch to measure")
    group.add_argument("--device", default="cpu")
    group.add_argument("--dtypes", nargs="+", default=["bfloat16"])
    group.add_argument("--size", choices=SIZES, default="tiny", help="size of the random model")
    group.add_argument("--videos", type=int, default=64)
