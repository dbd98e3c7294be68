"""The score cache with a million items: keys for a plan, look-up for a job, export and import.

    python -m benchmarks.bench_score_cache [--items 1000000] [--segments 1000]

Times are wall-clock and (in brackets) processor times of this process on one core. The ceilings are
the unavoidable work: reading the segments line by line, or compressing their bytes.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import zstandard

from livecc.maintenance.archive import export_cache, import_cache
from livecc.scores.cache import ScoreCache
from livecc.scores.keys import known_keys, pack

STAGE, FINGERPRINT = "score_lm_loss", "0123456789abcdef"


def make_segments(root: Path, items: int, segments: int) -> list[str]:
    """Synthetic losses; returns all keys."""
    rng = random.Random(0)
    folder = root / STAGE / FINGERPRINT
    folder.mkdir(parents=True)
    keys = [f"{rng.getrandbits(128):032x}" for _ in range(items)]
    for number in range(segments):
        with (folder / f"pretrain.s{number:05}.00{number:015x}.jsonl").open("wb") as stream:
            for key in keys[number::segments]:
                row = {"key": key, "status": "ok", "reason": None, "lm_loss": rng.random()}
                row |= {"tokens": 120, "prompt_tokens": 900, "dropped_context_words": 0}
                stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return keys


def read_lines(root: Path) -> int:
    """The ceiling for anything that reads every record."""
    count = 0
    for path in (root / STAGE / FINGERPRINT).glob("*.jsonl"):
        with path.open("rb") as stream:
            for _ in stream:
                count += 1
    return count


def compress(root: Path) -> int:
    """The ceiling for packing: the same compression of the same bytes."""
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    paths = (root / STAGE / FINGERPRINT).glob("*.jsonl")
    return sum(len(compressor.compress(path.read_bytes())) for path in paths)


def measure(name: str, work: Callable[[], Any]) -> Any:
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{name:56}{wall:8.2f} s ({processor:.2f} s)")
    return result


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark the score cache.")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--segments", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "cache"
        keys = make_segments(root, arguments.items, arguments.segments)
        measure("ceiling: all lines read", lambda: read_lines(root))
        before = peak_megabytes()
        known = measure("all keys, for a plan", lambda: known_keys(root, STAGE, FINGERPRINT))
        print(f"{'':56}{peak_megabytes() - before:8.0f} MB more at its peak")
        packed = measure("keys of as many items packed", lambda: pack(keys))
        assert measure("as many looked up", lambda: known.found(packed)).all()
        cache = ScoreCache(root, STAGE, FINGERPRINT, "pretrain.new")
        wanted = random.Random(1).sample(keys, 1_000)
        found = measure("1,000 items of all shards, for a job", lambda: cache.find(wanted))
        assert len(found) == len(wanted)
        archive = Path(name) / "scores.tar.zst"
        measure("ceiling: all bytes compressed", lambda: compress(root))
        counts = measure("packed into one file", lambda: export_cache(root, archive))
        print(f"{'':56}{counts.bytes / 1e6:8.0f} MB to {archive.stat().st_size / 1e6:.0f} MB")
        measure("unpacked and checked", lambda: import_cache(archive, Path(name) / "other"))


if __name__ == "__main__":
    main()
