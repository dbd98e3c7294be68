"""Benchmark of language-model loss: 20 clips of one video, compared with the original.

    python -m benchmarks.bench_score_lm_loss [--runs 3]
    python -m benchmarks.bench_score_lm_loss --sharing --threads 1
    python -m benchmarks.bench_score_lm_loss --device cuda --size 7b --budgets 1024 4096 --divide 12

The original processes one clip at a time and computes logits for every position. Our engine
processes all clips as one tree and computes logits for scored positions only. Each variant runs in
a separate process to measure its peak memory. The model has random weights (Qwen2, hidden size 512,
8 layers, vocabulary 151,936, fp32): speed and memory do not depend on the values of the weights.

CPU seconds (all threads) are also shown, because they are reliable on a shared machine. The ceiling
is the time of the tree's floating-point operations at the speed of a large matrix product measured
on this machine.

The second form compares the plans of a batch for clips that share more or less (`lm_loss_sharing`).
The third measures batches of many videos in this process, without the original: clips per
second by tokens per pass, and how much losses differ with the batch (`lm_loss_batches`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.prompts import PAPER_PROMPTS, LossRequest

CHILD = (sys.executable, "-m", "benchmarks.bench_score_lm_loss")
HIDDEN, LAYERS, INTERMEDIATE, VOCABULARY = 512, 8, 1408, 151_936
TITLE = "How a benchmark is made"
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "en", "ar")]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)


def make_requests(clips: int, words: int, seed: int = 0) -> list[LossRequest]:
    """Clips of synthetic words; the context of each is all words before it."""
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3)))) for _ in range(2000)]
    weights = [1 / (rank + 3) for rank in range(len(vocabulary))]
    if seed:
        rng = random.Random(seed)
    stream = rng.choices(vocabulary, weights, k=clips * words)
    return [
        LossRequest(
            str(i),
            TITLE,
            " ".join(stream[: i * words]),
            " ".join(stream[i * words : (i + 1) * words]),
        )
        for i in range(clips)
    ]


def make_tokenizer(folder: Path, texts: list[str]) -> None:
    """A byte-level BPE tokenizer trained on the texts."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=2000,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=32_768)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def make_model(folder: Path, texts: list[str], **sizes: Any) -> None:
    """A random Qwen2 of some sizes, and a tokenizer trained on the texts."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    make_tokenizer(folder, texts)
    torch.manual_seed(0)
    config = Qwen2Config(
        **sizes, num_key_value_heads=2, max_position_embeddings=32_768, tie_word_embeddings=True
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)


def original_losses(folder: Path, requests: list[LossRequest]) -> list[float]:
    """As in the original: one clip at a time, logits and their fp32 loss for every position."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False
    ).eval()
    note_loaded()
    losses = []
    for request in requests:
        turns = [
            {"role": "system", "content": PAPER_PROMPTS.system},
            {"role": "user", "content": PAPER_PROMPTS.request(request.title, request.context)},
            {"role": "assistant", "content": request.text},
        ]
        chat = tokenizer.apply_chat_template(turns, tokenize=False)
        ids = tokenizer(chat, return_tensors="pt", add_special_tokens=False).input_ids
        # "assistant" and a newline precede the answer, end of turn and a newline follow it.
        answer = len(tokenizer(request.text + "<|im_end|>\n", add_special_tokens=False).input_ids)
        labels = torch.full_like(ids, -100)
        labels[:, -answer:-2] = ids[:, -answer:-2]
        with torch.inference_mode():
            logits = model(input_ids=ids).logits
            token_losses = torch.nn.functional.cross_entropy(
                logits[0, :-1].float(), labels[0, 1:], reduction="none", ignore_index=-100
            )
        losses.append(float(token_losses.sum() / (labels > 0).sum()))
    return losses


def our_losses(
    folder: Path, requests: list[LossRequest], tokens_per_batch: int, way: str
) -> list[float]:
    engine = LossEngine.load(
        folder, device="cpu", dtype="float32", mode="paper", tokens_per_batch=tokens_per_batch
    )
    if way == "one-by-one":
        engine.tree_limit = 0
    note_loaded()
    results = {r.key: r for batch in engine.score([requests]) for r in batch}
    return [float(results[request.key].loss or 0.0) for request in requests]


_loaded: dict[str, float] = {}


def note_loaded() -> None:
    _loaded["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _loaded["time"] = time.perf_counter()
    _loaded["cpu"] = time.process_time()


def run_way(args: argparse.Namespace) -> None:
    """Child process: time after loading and memory of one variant, as JSON."""
    import torch

    torch.set_num_threads(args.threads)
    requests = make_requests(args.clips, args.words)
    if args.way == "original":
        losses = original_losses(args.folder, requests)
    else:
        losses = our_losses(args.folder, requests, args.tokens_per_batch, args.way)
    seconds = time.perf_counter() - _loaded["time"]
    cpu = time.process_time() - _loaded["cpu"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = {"losses": losses, "s": seconds, "cpu": cpu, "peak": peak, "loaded": _loaded["mb"]}
    print(json.dumps(report))


def measure(way: str, folder: Path, args: argparse.Namespace, runs: int) -> dict[str, Any]:
    """Median seconds and memory of `runs` child processes."""
    command = [*CHILD, "--way", way, "--folder", str(folder)]
    for name in ("clips", "words", "threads", "tokens_per_batch"):
        command += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}
    results = []
    for _ in range(runs):
        child = subprocess.run(
            command, check=True, text=True, stdout=subprocess.PIPE, env=environment
        )
        results.append(json.loads(child.stdout.splitlines()[-1]))
    middle = {
        key: statistics.median(r[key] for r in results) for key in ("s", "cpu", "peak", "loaded")
    }
    return {**middle, "losses": results[0]["losses"]}


def ceiling(folder: Path, requests: list[LossRequest], threads: int) -> tuple[float, float]:
    """(floating-point operations of the tree, operations per second of this machine)."""
    import numpy as np
    import torch

    from livecc.inference.causal_model import load_tokenizer
    from livecc.stages.score_lm_loss.prompts import ChatEncoder, EncodedClip
    from livecc.stages.score_lm_loss.token_tree import build_token_forest

    encoder = ChatEncoder(
        load_tokenizer(folder),
        PAPER_PROMPTS,
        max_tokens=32_768,
        known_tokens=VOCABULARY,
        mode="paper",
        source=str(folder),
    )
    clips = [clip for clip in encoder.encode(requests) if isinstance(clip, EncodedClip)]
    forest = build_token_forest([[(clip.ids[:-1], len(clip.targets)) for clip in clips]])
    scored = sum(len(clip.targets) for clip in clips)
    per_token = LAYERS * (
        2 * HIDDEN * HIDDEN + 2 * HIDDEN * HIDDEN // 4 + 3 * HIDDEN * INTERMEDIATE
    )
    attention = LAYERS * 2 * HIDDEN * int(np.sum(forest.depth + 1))
    flops = 2 * (len(forest) * per_token + attention + scored * HIDDEN * VOCABULARY)
    torch.set_num_threads(threads)
    a, b = torch.randn(2048, HIDDEN), torch.randn(16_384, HIDDEN)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        a @ b.T
        times.append(time.perf_counter() - start)
    print(
        f"{len(clips)} clips, {sum(len(c.ids) for c in clips):,} tokens read one by one, "
        f"{len(forest):,} in the tree, {scored:,} scored"
    )
    return float(flops), 2 * 2048 * HIDDEN * 16_384 / statistics.median(times[2:])


def main() -> None:
    from benchmarks import lm_loss_batches, lm_loss_sharing

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of our engine (median)")
    parser.add_argument("--original-runs", type=int, default=1, help="runs of the original")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--words", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens-per-batch", type=int, default=512)
    parser.add_argument("--way", choices=("original", "tree", "one-by-one"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    lm_loss_batches.add_arguments(parser)
    lm_loss_sharing.add_arguments(parser)
    args = parser.parse_args()
    if args.way:
        run_way(args)
        return
    if args.sharing:
        lm_loss_sharing.measure_sharing(args)
        return
    if args.budgets or args.divide:
        lm_loss_batches.measure_batches(args)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requests = make_requests(args.clips, args.words)
        make_model(
            folder,
            [request.text for request in requests],
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=INTERMEDIATE,
            num_hidden_layers=LAYERS,
            num_attention_heads=8,
        )
        flops, speed = ceiling(folder, requests, args.threads)
        rows = {
            "tree (ours)": measure("tree", folder, args, args.runs),
            "one by one (ours)": measure("one-by-one", folder, args, 1),
            "original's way": measure("original", folder, args, args.original_runs),
        }
    reference = rows["original's way"]
    columns = f"{'seconds':>9}{'faster':>8}{'CPU s':>8}{'fewer':>7}"
    columns += f"{'peak MB':>9}{'above model':>13}{'max |d loss|':>14}"
    print(f"{'way':<20}{columns}")
    for label, row in rows.items():
        difference = max(
            abs(a - b) for a, b in zip(row["losses"], reference["losses"], strict=True)
        )
        print(
            f"{label:<20}{row['s']:>9.2f}{reference['s'] / row['s']:>7.1f}x"
            f"{row['cpu']:>8.2f}{reference['cpu'] / row['cpu']:>6.1f}x{row['peak']:>9.0f}"
            f"{row['peak'] - row['loaded']:>13.0f}{difference:>14.1e}"
        )
    tree = rows["tree (ours)"]
    print(
        f"ceiling: {flops / 1e12:.2f} TFLOP at {speed / 1e9:.0f} GFLOP/s (measured) = "
        f"{flops / speed:.2f} s; ours takes {tree['s'] * speed / flops:.2f} times that"
    )
    print(
        f"memory of ours / original's: {tree['peak'] / reference['peak']:.2f} in total, "
        f"{(tree['peak'] - tree['loaded']) / (reference['peak'] - reference['loaded']):.2f} "
        "above the loaded model"
    )


if __name__ == "__main__":
    main()
