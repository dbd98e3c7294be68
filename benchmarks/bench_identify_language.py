"""Throughput of the language engines on clips of about 150 words.

    python -m benchmarks.bench_identify_language [--texts 10000] [--input captions.jsonl ...]

langid: our engine and the package's own loop (`classify`, one text at a time), each in a separate
process with one thread, as in the workflow; ours also by pieces, as in default mode. The loop also
runs without a thread limit, as in a simple script: the threads of its many small matrix products
mostly wait for each other. Labels are compared on all texts. The texts are words of the demo's
captions, and real captions with --input. The ceiling is one random read of the automaton's table
per byte plus the arithmetic of naive Bayes at the speed of a matrix product on this machine.

xlm_roberta: our batches by tokens and the original, one text at a time through a transformers
pipeline. Without a model folder, a small random model is built. The ceiling is the matrix
arithmetic of its layers.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
CHILD = (sys.executable, "-m", "benchmarks.bench_identify_language")
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
if "--way" not in sys.argv:
    # Before numpy is imported: the ceilings and both variants of xlm_roberta use one thread.
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))

import numpy as np
import orjson

from livecc.stages.identify_language.langid_model import LangidIdentifier
from livecc.stages.identify_language.pieces import PieceIdentifier, pieces_of
from livecc.stages.identify_language.xlm_roberta import XlmRobertaIdentifier


def caption_words(files: Sequence[Path]) -> list[list[str]]:
    """The words of each video; single characters for languages without spaces."""
    videos = []
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                subtitles = orjson.loads(line)["subtitles"]
            except (orjson.JSONDecodeError, KeyError):
                continue  # the demo contains a broken line intentionally
            text = " ".join(caption[2] for caption in subtitles)
            words = text.split()
            videos.append(words if len(text) < 15 * len(words) else list(text))
    return videos


def demo_texts(count: int, words: int = 150, seed: int = 0) -> list[str]:
    """Clips of words each drawn from one demo video: English, and some French."""
    rng = random.Random(seed)
    videos = caption_words(sorted((REPOSITORY / "demo" / "pretrain").glob("*.jsonl")))
    return [
        " ".join(rng.choices(rng.choice(videos), k=rng.randint(words // 2, words * 3 // 2)))
        for _ in range(count)
    ]


def real_texts(files: Sequence[Path], count: int, words: int = 150) -> list[str]:
    """Clips of real captions, repeated until there are enough."""
    clips = [
        " ".join(video[low : low + words])
        for video in caption_words(files)
        for low in range(0, len(video), words)
    ]
    return [clips[number % len(clips)] for number in range(count)]


def median_seconds(
    function: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Median processor time; unlike wall-clock time it excludes other work on the core."""
    seconds = []
    for _ in range(repeats):
        began = clock()
        function()
        seconds.append(clock() - began)
    return statistics.median(seconds)


def print_table(title: str, rows: list[tuple[str, float]]) -> None:
    """Rows of (name, texts per second); the first one is ours."""
    print(f"{title}\n{'':24}{'texts/s':>12}{'to ours':>9}")
    for name, rate in rows:
        print(f"{name:24}{rate:12.1f}{rate / rows[0][1]:9.3f}")


def time_way(way: str, texts: list[str], repeats: int) -> None:
    """Child process: (texts per CPU second, texts per second, labels) of one variant, as JSON."""
    if way != "theirs":
        whole = LangidIdentifier()
        ours = whole if way == "ours" else PieceIdentifier(whole)

        def run() -> list[str]:
            return [label for label, _ in ours.identify(texts)]
    else:
        from langid import langid

        theirs = langid.LanguageIdentifier.from_modelstring(langid.model, norm_probs=True)

        def run() -> list[str]:
            return [str(theirs.classify(text)[0]) for text in texts]

    labels = run()
    cpu, wall = [], []
    for _ in range(repeats):
        began, began_cpu = time.perf_counter(), time.process_time()
        run()
        cpu.append(len(texts) / (time.process_time() - began_cpu))
        wall.append(len(texts) / (time.perf_counter() - began))
    report = [statistics.median(cpu), statistics.median(wall), labels]
    sys.stdout.buffer.write(orjson.dumps(report))


def measure_way(
    way: str, texts: list[str], repeats: int, threads: int | None
) -> tuple[float, float, list[str]]:
    """(texts per CPU second, texts per second, labels), measured in a child process."""
    limits = {} if threads is None else dict.fromkeys(THREAD_LIMITS, str(threads))
    others = {name: value for name, value in os.environ.items() if name not in THREAD_LIMITS}
    child = subprocess.run(
        [*CHILD, "--way", way, "--repeats", str(repeats)],
        input=orjson.dumps(texts),
        stdout=subprocess.PIPE,
        env=others | limits,
        check=True,
    )
    cpu, wall, labels = orjson.loads(child.stdout)
    return cpu, wall, labels


def bench_langid(name: str, texts: list[str], repeats: int) -> None:
    from langid import langid

    cpu, wall, labels = measure_way("ours", texts, 5 * repeats, 1)
    piece_cpu, piece_wall, _ = measure_way("pieces", texts, 3 * repeats, 1)
    per_text = statistics.mean(len(pieces_of(text)) for text in texts)
    their_cpu, their_wall, their_labels = measure_way("theirs", texts, repeats, 1)
    sample = texts[:: max(1, len(texts) // 300)]
    free_cpu, free_wall, _ = measure_way("theirs", sample, 1, None)
    agree = statistics.mean(a == b for a, b in zip(labels, their_labels, strict=True))

    n_bytes = sum(len(text.encode()) for text in texts)
    model = langid.LanguageIdentifier.from_modelstring(langid.model)
    table = np.array(model.tk_nextmove, np.int32)
    where = np.random.default_rng(0).integers(0, len(table), n_bytes)
    step = median_seconds(lambda: table[where], repeats)
    features = np.ones((256, 1024))
    weights = np.ones((1024, 97))
    product = median_seconds(lambda: features @ weights, 20)
    # Each byte visits one state, which contributes to 97 labels.
    arithmetic = product / features.size * n_bytes
    ceiling = len(texts) / (step + arithmetic)
    print(
        f"langid, {name}: {len(texts)} texts, {n_bytes / 1e6:.1f} MB, "
        f"{len(set(labels))} languages; same label on {agree:.2%}"
    )
    print(f"{'':32}{'texts/CPU s':>12}{'ours/it':>9}{'texts/s':>10}{'ours/it':>9}")
    for way, of_cpu, of_wall in (
        ("ours, one thread", cpu, wall),
        (f"by {per_text:.1f} pieces each, one thread", piece_cpu, piece_wall),
        ("langid's own loop, one thread", their_cpu, their_wall),
        ("langid's own loop, no limit", free_cpu, free_wall),
        ("ceiling, one thread", ceiling, ceiling),
    ):
        print(f"{way:32}{of_cpu:12.0f}{cpu / of_cpu:9.2f}{of_wall:10.0f}{wall / of_wall:9.2f}")


def random_classifier(folder: Path, texts: list[str], *, base: bool) -> None:
    """An XLM-RoBERTa with random weights and 4 layers of width 256 (or, as the base model, 12 of
    768), and a tokenizer trained on these texts."""
    from tests.stages.identify_language.tiny_xlm_roberta import save_classifier

    sizes = {
        "hidden_size": 768 if base else 256,
        "num_hidden_layers": 12 if base else 4,
        "num_attention_heads": 12 if base else 4,
        "intermediate_size": 3072 if base else 1024,
        "max_position_embeddings": 514,
    }
    # The tokenizer has 2,000 pieces; the base model's embeddings have its whole vocabulary.
    rows = {"vocab_size": 250_002} if base else {}
    save_classifier(folder, texts, [f"l{index}" for index in range(20)], 2000, **sizes, **rows)


def bench_xlm_roberta(texts: list[str], model_dir: Path, device: str, repeats: int) -> None:
    import torch
    from transformers import AutoConfig, AutoTokenizer, pipeline

    # On a GPU, processor time does not include the work.
    clock = time.process_time if device == "cpu" else time.perf_counter
    ours = XlmRobertaIdentifier(model_dir, device=device)
    theirs: Any = pipeline(
        "text-classification", model=str(model_dir), device=device, trust_remote_code=False
    )
    ours.identify(texts[:8])
    our_rate = len(texts) / median_seconds(lambda: ours.identify(texts), repeats, clock)
    their_rate = len(texts) / median_seconds(
        lambda: [theirs(text, truncation=True, max_length=512) for text in texts], repeats, clock
    )
    config = AutoConfig.from_pretrained(model_dir, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(model_dir, trust_remote_code=False)
    ids = tokenizer(texts, truncation=True, max_length=512)
    lengths = [len(text) for text in ids["input_ids"]]
    hidden, inner = config.hidden_size, config.intermediate_size
    # Multiply-adds per token: four projections and two of the feed-forward; two of attention.
    operations = config.num_hidden_layers * sum(
        2 * n * (4 * hidden**2 + 2 * hidden * inner + 2 * n * hidden) for n in lengths
    )
    matrix = torch.ones(2048, hidden, device=device)
    weights = torch.ones(hidden, inner, device=device)
    product = median_seconds(lambda: (matrix @ weights)[0, 0].item(), 20, clock)
    speed = 2 * 2048 * hidden * inner / product
    print_table(
        f"xlm_roberta: {len(texts)} texts, {sum(lengths)} tokens, {hidden} wide, "
        f"{config.num_hidden_layers} layers, matrix product {speed / 1e9:.0f} GFLOP/s",
        [
            ("ours", our_rate),
            ("pipeline, one by one", their_rate),
            ("ceiling", len(texts) * speed / operations),
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the language engines.")
    parser.add_argument("--texts", type=int, default=10_000, help="texts for langid; 0: none")
    parser.add_argument("--input", type=Path, nargs="+", help="also measure on these captions")
    parser.add_argument("--classifier-texts", type=int, default=128, help="texts for xlm_roberta")
    parser.add_argument("--model-dir", type=Path, help="classifier (default: a random one)")
    parser.add_argument("--device", default="cpu", help="classifier's device")
    parser.add_argument("--base", action="store_true", help="random model of the base size")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=("ours", "pieces", "theirs"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        time_way(arguments.way, orjson.loads(sys.stdin.buffer.read()), arguments.repeats)
        return
    if arguments.texts:
        bench_langid("words of the demo", demo_texts(arguments.texts), arguments.repeats)
    if arguments.input:
        texts = real_texts(arguments.input, arguments.texts)
        bench_langid("real captions", texts, arguments.repeats)
    texts = demo_texts(arguments.classifier_texts)
    if arguments.model_dir:
        bench_xlm_roberta(texts, arguments.model_dir, arguments.device, arguments.repeats)
        return
    with tempfile.TemporaryDirectory() as name:
        random_classifier(Path(name), texts, base=arguments.base)
        bench_xlm_roberta(texts, Path(name), arguments.device, arguments.repeats)


if __name__ == "__main__":
    main()
