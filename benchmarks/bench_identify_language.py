"""Throughput of the language engines on clips of about 150 words, on one core.

    python benchmarks/bench_identify_language.py [--texts 10000] [--model-dir FOLDER]

langid: ours against the package's own loop (`classify`, one text at a time). The ceiling is one
random read of the automaton's table a byte plus the arithmetic of naive Bayes at the speed of
this machine's matrix product. xlm_roberta: batched by tokens against the original's way, one text
at a time through a transformers pipeline; without a model folder, a small random one is built.
The ceiling is the matrix arithmetic of its layers.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from livecc.identify_language import load


def made_up_texts(count: int, words: int = 150, seed: int = 0) -> list[str]:
    """Texts of English-looking words, drawn so that frequent words are frequent."""
    rng = random.Random(seed)
    letters = "eeeeetttaaaooiinnsshhrrddllcumwfgypbvk"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(5000)]
    weights = [1 / rank for rank in range(1, 5001)]
    lengths = [rng.randint(words // 2, words * 3 // 2) for _ in range(count)]
    return [" ".join(rng.choices(vocabulary, weights, k=length)) for length in lengths]


def median_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Median processor time: unlike the clock it does not count a neighbour's work on the core."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def print_table(title: str, rows: list[tuple[str, float]]) -> None:
    """Rows of (name, texts per second); the first one is ours."""
    print(f"{title}\n{'':24}{'texts/s':>12}{'to ours':>9}")
    for name, rate in rows:
        print(f"{name:24}{rate:12.1f}{rate / rows[0][1]:9.3f}")


def bench_langid(texts: list[str], repeats: int) -> None:
    from langid import langid

    ours = load("langid")
    theirs = langid.LanguageIdentifier.from_modelstring(langid.model, norm_probs=True)
    answers = ours.identify(texts)
    our_rate = len(texts) / median_seconds(lambda: ours.identify(texts), repeats)
    sample = texts[:: max(1, len(texts) // 500)]
    their_rate = len(sample) / median_seconds(lambda: [theirs.classify(t) for t in sample], repeats)
    same = [theirs.classify(t)[0] for t in sample]
    agree = statistics.mean(
        a[0] == b for a, b in zip(answers[:: max(1, len(texts) // 500)], same, strict=True)
    )

    n_bytes = sum(len(text.encode()) for text in texts)
    table = np.array(theirs.tk_nextmove, np.int32)
    where = np.random.default_rng(0).integers(0, len(table), n_bytes)
    step = median_seconds(lambda: table[where], repeats)
    features = np.ones((256, 1024))
    weights = np.ones((1024, 97))
    product = median_seconds(lambda: features @ weights, 20)
    # Each byte visits one state, which adds to 97 labels.
    arithmetic = product / features.size * n_bytes
    print_table(
        f"langid: {len(texts)} texts, {n_bytes / 1e6:.1f} MB, same label on {agree:.2%} of {len(sample)}",
        [
            ("ours", our_rate),
            ("langid's own loop", their_rate),
            ("ceiling", len(texts) / (step + arithmetic)),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the language engines.")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    bench_langid(made_up_texts(arguments.texts), arguments.repeats)


if __name__ == "__main__":
    main()
