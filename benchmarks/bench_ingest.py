"""From caption files to shards: throughput beside pysubs2 and webvtt-py, and a tree of many files.

The files hold made-up speech as YouTube writes it. pysubs2 and webvtt-py read the same files and do
nothing else: no shard, no times of words, and every word of a rolling file twice or more. Both are
compared in processor time, in alternating runs. They must be installed (pip install pysubs2
webvtt-py).

The tree is listed in a process of its own, for its peak memory: info files, captions, videos and
pictures of made-up downloads, empty but for the ids.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from livecc.sources.listing import list_source
from livecc.sources.options import read_part
from livecc.sources.places import place_of, shard_at, shard_names
from livecc.sources.shard import write_shard
from tests.sources import caption_files

MAKERS = {"json3": caption_files.json3, "vtt": caption_files.vtt, "srv3": caption_files.srv3}
#: Files of one made-up download.
ENDINGS = (".info.json", ".en-orig.json3", ".mp4", ".webp")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=20, help="caption files per format")
    parser.add_argument("--lines", type=int, default=300, help="caption lines of a video")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--files", type=int, default=0, help="also list a tree of so many files")
    parser.add_argument("--per-folder", type=int, default=4000)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--list", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        list_tree(options.list, options.state, options.shards)
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in MAKERS if options.mb else ():
            throughput(Path(folder) / name, name, options)
        if options.files:
            tree(Path(folder) / "tree", options)


# --- throughput ----------------------------------------------------------------------------------


def talk(seed: int, n_lines: int) -> list[caption_files.Line]:
    """Lines of six to nine words without a pause, as most automatic captions are."""
    chance = random.Random(seed)
    words = "so this is what you want to do when the water boils because it's easy".split(" ")  # noqa: SIM905
    lines: list[caption_files.Line] = []
    time_ms = 0
    for _ in range(n_lines):
        said, offset = [], 0
        for number in range(chance.randrange(6, 10)):
            said.append((offset, " " * bool(number) + chance.choice(words)))
            offset += chance.randrange(120, 520)
        lines.append((time_ms, offset + 2500, said))
        time_ms += offset + 10
    return lines


def throughput(folder: Path, name: str, options: argparse.Namespace) -> None:
    folder.mkdir()
    size = number = 0
    while size < options.mb * 1e6:
        data = MAKERS[name](talk(number, options.lines))
        (folder / f"{number}.en-orig.{name}").write_bytes(data)
        size += len(data)
        number += 1
    part = read_part({"format": "captions", "paths": [str(folder)]})
    work = folder.with_name(f"{name}-work")

    def ours() -> None:
        with list_source([part], 1, None, time.time() + 100) as listing:
            listing.write(listing.names[0], work / "list")
        output = work / "shard.jsonl.zst"
        write_shard(0, work / "list", [], output, work / "left.parquet", [part])

    files = sorted(folder.iterdir())
    runs: dict[str, Callable[[], None]] = {"ours": ours}
    if name == "vtt":
        import pysubs2
        import webvtt

        runs["pysubs2"] = lambda: read_all(files, pysubs2.load)
        runs["webvtt-py"] = lambda: read_all(files, webvtt.read)
    if name == "json3":
        runs["JSON and zstd alone"] = lambda: ceiling(files, work / "ceiling.zst")
    seconds: dict[str, list[float]] = {which: [] for which in runs}
    for _ in range(options.repeats):
        for which, run in runs.items():
            seconds[which].append(processor_time(run))
    best = median(seconds["ours"])
    print(f"{name}: {number} files, {size / 1e6:.1f} MB: {size / best / 1e6:.1f} MB/s a core")
    for which, times in seconds.items():
        if which != "ours":
            print(
                f"  {which}: {size / median(times) / 1e6:.1f} MB/s; ours is "
                f"{median(times) / best:.1f} times as fast"
            )


def read_all(files: list[Path], read: Callable[[str], object]) -> None:
    for file in files:
        read(str(file))


def ceiling(files: list[Path], target: Path) -> None:
    """Only read and parse JSON, and compress as many bytes as the shard has."""
    import orjson
    import zstandard

    data = (target.with_name("shard.jsonl.zst")).read_bytes()
    data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    for file in files:
        orjson.loads(file.read_bytes())
    target.write_bytes(zstandard.ZstdCompressor(level=1).compress(data))


def processor_time(run: Callable[[], None]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


# --- a tree --------------------------------------------------------------------------------------


def tree(folder: Path, options: argparse.Namespace) -> None:
    state = folder.with_name("state")
    videos = options.files // len(ENDINGS)
    make_tree(folder, range(videos), options.per_folder)
    before = listed(folder, state, options, "first listing")
    again = listed(folder, state, options, "second listing, ids known")
    assert before == again
    make_tree(folder, range(videos, videos + 100), options.per_folder)
    after = listed(folder, state, options, "with 100 videos more")
    changed = {name for name, digest in after.items() if before[name] != digest}
    print(f"  shards that change: {len(changed)} of {options.shards}")
    names = shard_names("shard", options.shards)
    new = {names[shard_at(place_of(f"{n:011d}"), len(names))] for n in range(videos, videos + 100)}
    assert changed == new, changed ^ new


def make_tree(folder: Path, numbers: range, per_folder: int) -> None:
    for number in numbers:
        inside = folder / f"{number * len(ENDINGS) // per_folder:05d}"
        inside.mkdir(parents=True, exist_ok=True)
        stem = f"A title of some words, as they are [{number:011d}]"
        for ending in ENDINGS:
            path = os.path.join(inside, stem + ending)  # noqa: PTH118
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
            if ending == ENDINGS[0]:
                os.write(descriptor, b'{"id": "%011d", "title": "A title"}' % number)
            os.close(descriptor)


def listed(folder: Path, state: Path, options: argparse.Namespace, what: str) -> dict[str, str]:
    """The digests of the shards by name, made by a process of its own."""
    arguments = ["--list", str(folder), "--state", str(state), "--shards", str(options.shards)]
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_ingest", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    *digests, summary = done.stdout.splitlines()
    print(f"{what}: {summary}, {time.monotonic() - begin:.1f} s in all")
    return dict(line.split() for line in digests)


def list_tree(folder: Path, state: Path, shards: int) -> None:
    part = read_part({"format": "ytdlp", "paths": [str(folder)]})
    with list_source([part], shards, None, time.time() + 100, state=state) as listing:
        print("\n".join(f"{name} {digest}" for name, digest in listing.digests.items()))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{listing.files:,} files, {listing.videos:,} videos, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
