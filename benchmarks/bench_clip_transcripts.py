"""Throughput of clip_transcripts compared with the original, on one core.

    python -m benchmarks.bench_clip_transcripts [--words 1000000] [--input transcripts.jsonl]

Our figure includes reading the records and transcripts and writing the two tables. The original is
reimplemented below: the json module, a loop over words, list slices, all earlier words joined for
every clip, one dict per clip dumped to a file. The ceiling is the work that any version must do
with these libraries: decompress the transcripts, split them into lines, scan every byte once and
parse the starts of the words. Parsing whole lines, which the stage avoids, is also shown.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks.bench_clip_captions import median_seconds
from livecc.files.lines import read_jsonl, read_lines
from livecc.stages.clip_transcripts import cut as clip_transcripts
from livecc.stages.filter_categories import shard as filter_categories
from livecc.stages.import_transcripts import shard as import_transcripts
from livecc.stages.spans import ClipOptions


def made_up_transcripts(path: Path, n_words: int, seed: int = 0) -> None:
    """Transcripts similar to real ones: 100 to 4,000 words per video, sentences, some pauses."""
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwygpbvk"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(8000)]
    number = 0
    with path.open("wb") as stream:
        while n_words > 0:
            now, content, first = rng.uniform(0, 10), [], True
            for _ in range(rng.randint(100, 4000)):
                length = rng.uniform(0.1, 0.5)
                word = rng.choice(vocabulary) if rng.random() > 0.03 else "I"
                if first:
                    word = word.capitalize()
                first = rng.random() < 0.08
                content.append([round(now, 2), round(now + length, 2), word + "." * first])
                now += length + (rng.uniform(3, 20) if rng.random() < 0.004 else 0.0)
            n_words -= len(content)
            number += 1
            record = {"video": f"v{number}.mp4", "content": content, "title": "A", "category": "B"}
            stream.write(orjson.dumps(record) + b"\n")


def original(source: Path, target: Path) -> None:
    """The algorithm and data flow of the original, in plain Python."""
    with source.open() as lines, target.open("w") as output:
        for line in lines:
            record = json.loads(line)
            words: list[list[Any]] = record["content"]
            i = 0
            while i < len(words):
                if i > 0:
                    ended = any(words[i - 1][2].endswith(mark) for mark in (".", "?", "!"))
                    if not (ended and words[i][2].isupper()):
                        i += 1
                        continue
                j = None
                for j in range(i + 1, len(words)):
                    if words[j][0] - words[i][0] > 240 or words[j][0] - words[j - 1][0] > 3:
                        break
                if j is None:
                    break
                if words[j - 1][0] - words[i][0] >= 30:
                    clip = {
                        "video": record["video"],
                        "content": words[i:j],
                        "preasr": " ".join(word.strip() for _, _, word in words[:i]),
                        "title": record["title"],
                        "category": record["category"],
                    }
                    output.write(json.dumps(clip) + "\n")
                i = j


def ceiling(transcripts: Path) -> None:
    for _, line in read_lines(transcripts):
        assert line is not None
        begin, end = line.index(b'"start":[') + 8, line.index(b',"end":[')
        np.array(orjson.loads(line[begin:end]), np.float64)
        np.count_nonzero(np.frombuffer(line, np.uint8) == ord('"'))


def measure(name: str, source: Path, folder: Path, repeats: int) -> None:
    records, transcripts = folder / "records.parquet", folder / "transcripts.jsonl.zst"
    filter_categories.run(source, records, None)
    import_transcripts.run(source, records, transcripts, "paper")
    options = ClipOptions(mode="paper")

    def ours() -> dict[str, Any]:
        return clip_transcripts.run(
            records, transcripts, folder / "clips.parquet", folder / "videos.parquet", options
        )

    counts = ours()
    ways = {
        "ours": ours,
        "the original's way": lambda: original(source, folder / "original.jsonl"),
        "parsing the lines": lambda: sum(map(len, read_jsonl(transcripts))),
        "ceiling": lambda: ceiling(transcripts),
    }
    # Alternating, so that other work on the machine affects all equally.
    rounds = [{way: median_seconds(run, 1) for way, run in ways.items()} for _ in range(repeats)]
    print(f"{name}: {counts['videos']} videos, {counts['words']} words, {counts['clips']} clips")
    print(f"{'':24}{'CPU s':>9}{'Mwords/s':>10}{'to ours':>9}")
    for way in ways:
        seconds = statistics.median(turn[way] for turn in rounds)
        ratio = statistics.median(turn[way] / turn["ours"] for turn in rounds)
        print(f"{way:24}{seconds:9.3f}{counts['words'] / seconds / 1e6:10.2f}{ratio:9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark clip_transcripts.")
    parser.add_argument("--words", type=int, default=1_000_000, help="words of the synthetic shard")
    parser.add_argument("--input", type=Path, help="also measure on this shard of transcripts")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_up = folder / "made_up.jsonl"
        made_up_transcripts(made_up, arguments.words)
        measure("made up", made_up, folder, arguments.repeats)
        if arguments.input:
            measure(arguments.input.name, arguments.input, folder, arguments.repeats)


if __name__ == "__main__":
    main()
