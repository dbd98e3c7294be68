"""Merge the samples of all shards into the file that the trainer reads.

The file holds one sample per line, sorted by video and time, followed by a last line without a
newline: the JSON list of all samples' byte offsets. The trainer reads that line, seeks to an offset
and reads one sample. The order does not depend on the sharding.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from livecc.errors import LiveccError
from livecc.files.atomic import open_atomic
from livecc.files.leftovers import scratch_folder
from livecc.formats.samples import Sample, read_samples

#: Files merged at once; more are merged in two passes, because open files are limited.
FAN_IN = 256
#: Snakemake looks at packs, and does not see that a file of a shard is gone or spoilt.
_AGAIN = "run again with --forcerun select_samples"


@dataclass
class Merged:
    """The content of a merged file, in numbers."""

    samples: int = 0
    videos: int = 0
    seconds: float = 0.0
    words: int = 0
    bytes: int = 0
    sha256: str = ""


def merge(samples: Sequence[Path], output: Path) -> Merged:
    """Merge sorted sample files into `output`.

    A sample that is in several files, because its video is in several shards, is written once.

    Raises LiveccError for a line that `select_samples` did not write.
    """
    merged = Merged()
    offsets: list[int] = []
    digest = hashlib.sha256()
    with (
        scratch_folder(output) as scratch,
        open_atomic(output) as stream,
    ):

        def write(data: bytes) -> None:
            stream.write(data)
            digest.update(data)
            merged.bytes += len(data)

        previous = b""
        video = None
        for sample in _merged(list(samples), scratch):
            # The same video in two shards.
            if sample.line == previous:
                continue
            previous = sample.line
            offsets.append(merged.bytes)
            write(sample.line)
            merged.samples += 1
            merged.videos += sample.video != video
            video = sample.video
            merged.seconds += sample.end - sample.start
            merged.words += sample.words
        write(json.dumps(offsets).encode("ascii"))
    merged.sha256 = digest.hexdigest()
    return merged


def _merged(files: list[Path], scratch: Path) -> Iterator[Sample]:
    """The samples of all files in sorted order."""
    round_number = 0
    while len(files) > FAN_IN:
        round_number += 1
        merged = []
        for part in range(0, len(files), FAN_IN):
            target = scratch / f"{round_number}-{part}.jsonl"
            with target.open("wb") as stream:
                for sample in _merge_once(files[part : part + FAN_IN]):
                    stream.write(sample.line)
            merged.append(target)
        files = merged
    yield from _merge_once(files)


def _merge_once(files: Sequence[Path]) -> Iterator[Sample]:
    with contextlib.ExitStack() as stack:
        streams = [read_samples(stack.enter_context(_opened(path)), path, _AGAIN) for path in files]
        yield from heapq.merge(*streams)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file; {_AGAIN}") from None
