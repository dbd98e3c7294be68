"""Throughput of make_prompts with a service and with a local chat model.

    python -m benchmarks.bench_make_prompts [--clips 800] [--latency 0.5]

The service is a loopback server in a separate process that answers every request after `latency`
seconds. Our engine stores each answer and its cost on disk before it continues; the original is a
pool of threads that keeps answers in memory. The ceiling is concurrency / latency, the limit of
such a service. Beyond that, processor time per clip limits a job.

The local model has random weights (Qwen2, hidden size 256, 4 layers, vocabulary 32,000, fp32).
Batches of similar length are compared with one clip at a time. The ceiling is the model's own
`generate` on one full batch of equal lengths, without chat, parsing or padding.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from livecc.files.yaml_files import DEFAULTS_FILE, read_yaml
from livecc.scores.cache import ScoreCache
from livecc.scores.fingerprint import content_key
from livecc.scores.job import Item, Row, StageStats, score_items, table_writer
from livecc.stages.make_prompts.declaration import STAGE
from livecc.stages.make_prompts.leaks import leaked_words
from livecc.stages.make_prompts.local_model import LocalEngine
from livecc.stages.make_prompts.service import ServiceEngine
from livecc.stages.make_prompts.settings import ChatOptions, Question, Service
from livecc.stages.make_prompts.spending import Spending

WORDS = "the boat sheet fold corner press line paper now we then turn over again top side".split()  # noqa: SIM905
ANSWER = {"result": "YES", "query": "Please comment on this video live."}
VARIABLE = "LIVECC_BENCH_KEY"
OUTPUT_TOKENS = 16
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)


def make_items(count: int, words: int = 150) -> list[Item[str]]:
    """Clips of about 150 words."""
    rng = random.Random(0)
    texts = (
        " ".join(rng.choices(WORDS, k=rng.randint(words // 2, 2 * words))) for _ in range(count)
    )
    return [Item(f"clip{n}", content_key(text, str(n)), text) for n, text in enumerate(texts)]


def question() -> Question:
    section = read_yaml(DEFAULTS_FILE)["make_prompts"]
    return Question(section["prompt"], tuple(section["conditions"]), section["leak_words"])


# --- the service -------------------------------------------------------------------------------


def serve(latency: float, port: Any) -> None:
    """Answer every request after `latency` seconds, forever."""
    message = {"role": "assistant", "content": json.dumps(ANSWER)}
    completion = {
        **{"id": "1", "object": "chat.completion", "created": 1, "model": "m"},
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20, "total_tokens": 320},
    }
    body = json.dumps(completion).encode()
    header = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    reply = header % len(body) + body

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise the kernel delays small replies by 40 ms.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(latency)
            self.wfile.write(reply)

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        # All connections are opened at once.
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    port.put(server.server_port)
    server.serve_forever()


def ask_ours(
    items: list[Item[str]], url: str, concurrency: int, max_cost: float | None, folder: Path
) -> None:
    """As in a job, including cache, spending and table."""
    service = Service(
        key_variable=VARIABLE,
        base_url=url,
        concurrency=concurrency,
        input_price=1.0,
        output_price=1.0,
        max_cost=max_cost,
    )
    chat = ChatOptions("m", None, "json_schema", 256)
    job = StageStats(STAGE.name, "sft", "bench")
    with (
        ScoreCache(folder, STAGE.name, "bench", "sft.bench") as cache,
        Spending(folder / "spending", "sft.bench", max_cost) as spending,
    ):
        score_items(
            lambda: items,
            cache,
            lambda: ServiceEngine(question(), chat, service, 3, spending),
            job,
            folder / "table.parquet",
            folder / "stats.json",
            table_writer(STAGE),
        )
    if job.scored != len(items) or job.failed:
        raise RuntimeError(f"{job}")


def ask_in_threads(items: list[Item[str]], url: str, concurrency: int) -> None:
    """As in the original: a pool of threads, a list of answers."""
    import openai

    client = openai.OpenAI(base_url=url, api_key="none")
    asked = question()

    def ask(item: Item[str]) -> str | None:
        messages: Any = [{"role": "user", "content": asked.text(item.payload)}]
        reply = client.chat.completions.create(model="m", messages=messages)
        return reply.choices[0].message.content

    with ThreadPool(concurrency) as pool:
        if len(pool.map(ask, items)) != len(items):
            raise RuntimeError("answers are missing")


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """(seconds, processor seconds of this process)."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def bench_service(items: list[Item[str]], latency: float) -> None:
    port: Any = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(latency, port), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{port.get()}/v1"
    os.environ[VARIABLE] = "none"
    os.environ["NO_PROXY"] = "127.0.0.1"
    # Imported before measuring.
    import openai  # noqa: F401

    print(f"service that answers after {latency:g} s, {len(items)} clips")
    print(f"{'':34}{'clips/s':>9}{'ceiling':>9}{'of it':>7}{'CPU ms/clip':>13}")
    for concurrency in (16, 64):
        rows: list[tuple[str, Callable[[], None]]] = []
        for name, max_cost in (("ours", None), ("ours, with max_cost", 1e6)):
            folder = Path(tempfile.mkdtemp(prefix="bench-prompts-"))

            def ours(
                folder: Path = folder, n: int = concurrency, max_cost: float | None = max_cost
            ) -> None:
                ask_ours(items, url, n, max_cost, folder)

            rows.append((name, ours))
        rows.append(("threads", lambda n=concurrency: ask_in_threads(items, url, n)))  # type: ignore[misc]
        for name, work in rows:
            seconds, cpu = timed(work)
            rate, ceiling = len(items) / seconds, concurrency / latency
            print(
                f"{f'{name}, {concurrency} at a time':34}{rate:9.1f}{ceiling:9.1f}"
                f"{rate / ceiling:7.2f}{1000 * cpu / len(items):13.2f}"
            )
    server.terminate()


# --- the local model ---------------------------------------------------------------------------


def make_model(folder: Path, texts: Iterable[str]) -> None:
    """A random Qwen2 and a byte-level BPE tokenizer trained on the clips."""
    import tokenizers
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=32_000,
        hidden_size=256,
        intermediate_size=704,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=4096,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)


def bench_local(items: list[Item[str]]) -> None:
    import torch

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_model(folder, [question().text(item.payload) for item in items])

        def engine(tokens_per_batch: int | None) -> LocalEngine:
            return LocalEngine(
                folder,
                question(),
                tries=1,
                device="cpu",
                dtype="float32",
                max_output_tokens=OUTPUT_TOKENS,
                tokens_per_batch=tokens_per_batch,
            )

        def run(asker: LocalEngine) -> None:
            batches: Iterator[list[tuple[str, Row]]] = asker(iter(items))
            if sum(map(len, batches)) != len(items):
                raise RuntimeError("rows are missing")

        batched, single = engine(None), engine(1)
        for warm in (batched, single):
            list(warm(iter(items[:2])))
        lengths = [len(batched._tokenizer(item.payload)["input_ids"]) for item in items]
        extra = len(batched._tokenizer(question().text(""))["input_ids"])
        width = sum(lengths) // len(lengths) + extra
        count = batched.budget.tokens // (width + OUTPUT_TOKENS)
        ids = torch.randint(10, 900, (count, width))

        def generate() -> None:
            network = batched._model.network
            with torch.inference_mode():
                network.generate(input_ids=ids, attention_mask=torch.ones_like(ids))

        print(f"\nlocal model, {len(items)} clips, {OUTPUT_TOKENS} tokens each, batches of {count}")
        print(f"{'':34}{'clips/s':>9}{'to ours':>9}{'CPU ms/clip':>13}")
        ours = 0.0
        for name, work, clips in (
            ("ours, in batches", lambda: run(batched), len(items)),
            ("one at a time", lambda: run(single), len(items)),
            ("ceiling: one batch, generate alone", generate, count),
        ):
            seconds, cpu = timed(work)
            rate = clips / seconds
            ours = ours or rate
            print(f"{name:34}{rate:9.2f}{rate / ours:9.2f}{1000 * cpu / clips:13.1f}")


def bench_leaks(items: list[Item[str]]) -> None:
    def check() -> None:
        for item in items:
            leaked_words(ANSWER["query"], item.payload, 5)

    _, cpu = timed(check)
    print(f"\nlooking for leaks: {1e6 * cpu / len(items):.0f} us a clip")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=800)
    parser.add_argument("--local-clips", type=int, default=32)
    parser.add_argument("--latency", type=float, default=0.5, help="service latency, seconds")
    parser.add_argument("--threads", type=int, default=1, help="threads of the local model")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    items = make_items(options.clips)
    bench_service(items, options.latency)
    import torch

    torch.set_num_threads(options.threads)
    bench_local(items[: options.local_clips])
    bench_leaks(items)


if __name__ == "__main__":
    main()
