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
import tempfile
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
        f"langid: {len(texts)} texts, {n_bytes / 1e6:.1f} MB; "
        f"same label on {agree:.2%} of {len(sample)}",
        [
            ("ours", our_rate),
            ("langid's own loop", their_rate),
            ("ceiling", len(texts) / (step + arithmetic)),
        ],
    )


def random_classifier(folder: Path, texts: list[str]) -> None:
    """An XLM-RoBERTa of 4 layers of 256 with random weights, and a tokenizer of these texts."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import (
        PreTrainedTokenizerFast,
        XLMRobertaConfig,
        XLMRobertaForSequenceClassification,
    )

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.UnigramTrainer(vocab_size=2000, special_tokens=special, unk_token="<unk>"),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=2000,
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        id2label={index: f"l{index}" for index in range(20)},
        label2id={f"l{index}": index for index in range(20)},
    )
    XLMRobertaForSequenceClassification(config).save_pretrained(folder)


def bench_xlm_roberta(texts: list[str], model_dir: Path, device: str, repeats: int) -> None:
    import torch
    from transformers import AutoConfig, AutoTokenizer, pipeline

    ours = load("xlm_roberta", model_dir=model_dir, device=device)
    theirs: Any = pipeline("text-classification", model=str(model_dir), device=device)
    ours.identify(texts[:8])
    our_rate = len(texts) / median_seconds(lambda: ours.identify(texts), repeats)
    their_rate = len(texts) / median_seconds(
        lambda: [theirs(text, truncation=True, max_length=512) for text in texts], repeats
    )
    config = AutoConfig.from_pretrained(model_dir)
    ids = AutoTokenizer.from_pretrained(model_dir)(texts, truncation=True, max_length=512)
    lengths = [len(text) for text in ids["input_ids"]]
    hidden, inner = config.hidden_size, config.intermediate_size
    # Multiply-adds a token: four projections and the two of the feed-forward; two of attention.
    operations = config.num_hidden_layers * sum(
        2 * n * (4 * hidden**2 + 2 * hidden * inner + 2 * n * hidden) for n in lengths
    )
    matrix = torch.ones(2048, hidden, device=device)
    weights = torch.ones(hidden, inner, device=device)
    product = median_seconds(lambda: (matrix @ weights)[0, 0].item(), 20)
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
    parser.add_argument("--texts", type=int, default=10_000, help="texts for langid")
    parser.add_argument("--classifier-texts", type=int, default=128, help="texts for xlm_roberta")
    parser.add_argument("--model-dir", type=Path, help="classifier to measure, else a random one")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    bench_langid(made_up_texts(arguments.texts), arguments.repeats)
    texts = made_up_texts(arguments.classifier_texts)
    if arguments.model_dir:
        bench_xlm_roberta(texts, arguments.model_dir, arguments.device, arguments.repeats)
        return
    with tempfile.TemporaryDirectory() as name:
        random_classifier(Path(name), texts)
        bench_xlm_roberta(texts, Path(name), arguments.device, arguments.repeats)


if __name__ == "__main__":
    main()
