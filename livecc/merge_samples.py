"""Merge the samples of all shards into the one file the trainer reads.

The file holds one sample a line, sorted by video and time, and as its last line, without a newline,
the JSON list of every sample's byte offset. The trainer reads that line, seeks to an offset and
reads one sample. The order does not depend on how the input was cut into shards.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from livecc.errors import LiveccError
from livecc.files import open_atomic

#: Files merged at once; more are merged in two rounds, because open files are limited.
FAN_IN = 256
#: Snakemake looks at packs, and does not see that a file of a shard is gone or spoilt.
_AGAIN = "run again with --forcerun select_samples"
_PREFIX = b'[{"role": "user", "content": [{"type": "video", "video": '


def merge(samples: Sequence[Path], output: Path) -> int:
    """Merge sorted sample files into `output`; returns the number of samples.

    A sample that is in several files, because its video is in several shards, is written once.

    Raises LiveccError when a line is not one that `select_samples` wrote.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    offsets: list[int] = []
    offset = 0
    with (
        tempfile.TemporaryDirectory(dir=output.parent, prefix=".merge-") as scratch,
        open_atomic(output) as stream,
    ):
        previous = b""
        for line in _merged(list(samples), Path(scratch)):
            # The same video in two shards.
            if line == previous:
                continue
            previous = line
            offsets.append(offset)
            stream.write(line)
            offset += len(line)
        stream.write(json.dumps(offsets).encode("ascii"))
    return len(offsets)


def _merged(files: list[Path], scratch: Path) -> Iterator[bytes]:
    """The lines of all files in sorted order."""
    round_number = 0
    while len(files) > FAN_IN:
        round_number += 1
        merged = []
        for part in range(0, len(files), FAN_IN):
            target = scratch / f"{round_number}-{part}.jsonl"
            with target.open("wb") as stream:
                for _, line in _merge_once(files[part : part + FAN_IN]):
                    stream.write(line)
            merged.append(target)
        files = merged
    for _, line in _merge_once(files):
        yield line


def _merge_once(files: Sequence[Path]) -> Iterator[tuple[Any, bytes]]:
    with contextlib.ExitStack() as stack:
        streams = [_keyed(stack.enter_context(_opened(path)), path) for path in files]
        yield from heapq.merge(*streams)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file; {_AGAIN}") from None


def _keyed(stream: IO[bytes], path: Path) -> Iterator[tuple[Any, bytes]]:
    """((video, start time), line) of every line."""
    decoder = json.JSONDecoder()
    for number, line in enumerate(stream, 1):
        try:
            if not line.startswith(_PREFIX) or not line.endswith(b"\n"):
                raise ValueError
            # Only the beginning of the line is parsed: the rest may be a whole video's text.
            text = line[len(_PREFIX) : len(_PREFIX) + 65_536].decode("ascii")
            video, end = decoder.raw_decode(text)
            label = ', "video_start": '
            if not text.startswith(label, end):
                raise ValueError
            start, _ = decoder.raw_decode(text, end + len(label))
        except ValueError:
            raise LiveccError(f"{path}, line {number}: not a sample; {_AGAIN}") from None
        yield (video.encode("utf-8", "surrogatepass"), start), line


def read_sample(path: Path, offset: int) -> Any:
    """One sample the way the trainer's reader takes it: text mode, seek, one line, parse."""
    with path.open(encoding="utf-8") as stream:
        stream.seek(offset)
        return json.loads(stream.readline())


def read_offsets(path: Path) -> list[int]:
    """The offsets in the last line of a merged file.

    Raises LiveccError when the last line is no list of offsets.
    """
    with path.open("rb") as stream:
        stream.seek(0, 2)
        position = stream.tell()
        tail = b""
        while position > 0 and b"\n" not in tail:
            step = min(position, 2**20)
            position -= step
            stream.seek(position)
            tail = stream.read(step) + tail
    try:
        offsets = json.loads(tail.rsplit(b"\n", 1)[-1])
    except ValueError:
        offsets = None
    if not isinstance(offsets, list) or not all(isinstance(offset, int) for offset in offsets):
        raise LiveccError(f"{path}: its last line is no list of offsets")
    return offsets
