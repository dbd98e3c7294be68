"""Throughput of clip_captions compared with the original, on one core.

    python -m benchmarks.bench_clip_captions [--megabytes 20] [--input captions.jsonl]
    python -m benchmarks.bench_clip_captions --memory [--megabytes 1000]

Our figure includes reading the shard and writing its three files. The original is reimplemented
below: the json module, a loop over words, list slices, all earlier words joined for every clip, one
dict per clip dumped to a file. The ceiling is the work that any version must do with these
libraries: parse the JSON, and serialise and compress the resulting words and times. The stage may
be faster than the libraries in parts of this.

With --memory, a large shard is generated and cut instead, and the peak memory of the process
printed; the ceiling is the memory of Python after the imports.
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

import orjson

from livecc.files.atomic import ZSTD_LEVEL
from livecc.files.lines import read_jsonl, read_lines
from livecc.stages.clip_captions import cut as clip_captions
from livecc.stages.spans import ClipOptions


def made_up_captions(path: Path, megabytes: float, seed: int = 0) -> None:
    """Captions similar to real ones: 30 to 900 lines of 3 to 14 words per video, some pauses."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwygpbvk"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(8000)]
    size, number = 0, 0
    with path.open("wb") as stream:
        while size < megabytes * 1e6:
            now, subtitles = rng.uniform(0, 10), []
            for _ in range(rng.randint(30, 900)):
                words = rng.choices(vocabulary, k=rng.randint(3, 14))
                length = len(words) * rng.uniform(0.25, 0.5)
                subtitles.append([round(now, 2), round(now + length, 2), " ".join(words)])
                now += length + (rng.uniform(3, 20) if rng.random() < 0.02 else 0.0)
                if rng.random() < 0.01:
                    subtitles.append([round(now, 2), round(now + 2, 2), "[Music]"])
            number += 1
            line = orjson.dumps(
                {"video": f"v{number}.mp4", "subtitles": subtitles, "title": "A", "category": "B"}
            )
            size += stream.write(line + b"\n")


def repeated(source: Path, target: Path, megabytes: float) -> None:
    """The lines of `source` with other video ids, repeated up to a size."""
    size, copy = 0, 0
    with target.open("wb") as stream:
        while size < megabytes * 1e6:
            for _, line in read_lines(source):
                record = orjson.loads(line or b"")
                record["video"] = f"{copy}-{record['video']}"
                size += stream.write(orjson.dumps(record) + b"\n")
            copy += 1


def original(source: Path, target: Path) -> None:
    """The arithmetic and data flow of the original, in plain Python."""
    with source.open() as lines, target.open("w") as output:
        for line in lines:
            record = json.loads(line)
            words: list[list[Any]] = []
            for start, end, text in record["subtitles"]:
                if "[" in text or "]" in text:
                    continue
                tokens = text.split(" ")
                tokens = [t for k, t in enumerate(tokens) if k == 0 or t != tokens[k - 1]]
                step = (end - start) / len(tokens)
                for k, token in enumerate(tokens):
                    words.append(
                        [round(start + k * step, 1), round(start + (k + 1) * step, 1), token]
                    )
            i = 0
            while i < len(words) - 1:
                for j in range(i + 1, len(words)):
                    if words[j][1] - words[i][1] > 240 or words[j][1] - words[j - 1][1] > 3:
                        break
                content = words[i:j]
                if content[-1][1] - content[0][1] >= 30:
                    speed = len(content) / (content[-1][1] - content[0][0])
                    if 1 <= speed <= 4:
                        clip = {
                            "video": record["video"],
                            "content": content,
                            "previous": " ".join(word for _, _, word in words[:i]),
                            "title": record["title"],
                            "category": record["category"],
                        }
                        output.write(json.dumps(clip) + "\n")
                i = j


def ceiling(source: Path, transcripts: Path, target: Path) -> None:
    """Parse the input, and serialise and compress the finished transcripts."""
    for _, line in read_lines(source):
        orjson.loads(line or b"")
    import zstandard

    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    with target.open("wb") as raw, compressor.stream_writer(raw) as stream:
        for record in _loaded[transcripts]:
            stream.write(orjson.dumps(record) + b"\n")


_loaded: dict[Path, list[Any]] = {}


def median_seconds(function: Callable[[], Any], repeats: int) -> float:
    """Median processor time; unlike wall-clock time it excludes other work on the core."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def measure(name: str, source: Path, folder: Path, repeats: int) -> None:
    transcripts = folder / "transcripts.jsonl.zst"
    options = ClipOptions()

    def ours() -> dict[str, Any]:
        return clip_captions.run(
            source, transcripts, folder / "clips.parquet", folder / "videos.parquet", options
        )

    counts = ours()
    _loaded[transcripts] = list(read_jsonl(transcripts))
    ways = {
        "ours": ours,
        "the original's way": lambda: original(source, folder / "original.jsonl"),
        "ceiling": lambda: ceiling(source, transcripts, folder / "c.zst"),
    }
    # Alternating, so that other work on the machine affects all equally.
    rounds = [{way: median_seconds(run, 1) for way, run in ways.items()} for _ in range(repeats)]
    megabytes = source.stat().st_size / 1e6
    print(f"{name}: {megabytes:.1f} MB, {counts['videos']} videos, {counts['words']} words")
    print(f"{'':24}{'CPU s':>9}{'MB/s':>9}{'Mwords/s':>10}{'to ours':>9}")
    for way in ways:
        seconds = statistics.median(turn[way] for turn in rounds)
        ratio = statistics.median(turn[way] / turn["ours"] for turn in rounds)
        rate, words = megabytes / seconds, counts["words"] / seconds / 1e6
        print(f"{way:24}{seconds:9.3f}{rate:9.1f}{words:10.2f}{ratio:9.2f}")


def measure_memory(megabytes: float, folder: Path) -> None:
    """Peak resident memory of one run on a large synthetic shard, in this process."""
    import resource

    source, part = folder / "large.jsonl", folder / "part.jsonl"
    made_up_captions(part, min(megabytes, 20))
    repeated(part, source, megabytes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    clip_captions.run(
        source, folder / "t.jsonl.zst", folder / "clips.parquet", folder / "videos.parquet"
    )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{source.stat().st_size / 1e6:.0f} MB shard in {seconds:.1f} s; "
        f"peak memory {peak:.0f} MiB ({before:.0f} MiB before)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark clip_captions.")
    parser.add_argument(
        "--megabytes", type=float, help="size of the synthetic shard: 20, or 1000 with --memory"
    )
    parser.add_argument("--input", type=Path, help="also measure on these captions, repeated")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.memory:
            measure_memory(arguments.megabytes or 1000, folder)
            return
        made_up = folder / "made_up.jsonl"
        made_up_captions(made_up, arguments.megabytes or 20)
        measure("made up", made_up, folder, arguments.repeats)
        if arguments.input:
            again = folder / "again.jsonl"
            repeated(arguments.input, again, arguments.megabytes or 20)
            measure(arguments.input.name, again, folder, arguments.repeats)


if __name__ == "__main__":
    main()
