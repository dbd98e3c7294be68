"""Merge the samples of all shards into the one file the trainer reads.

The file holds one sample a line, sorted by video and time, and as its last line, without a newline,
the JSON list of every sample's byte offset. The trainer reads that line, seeks to an offset and
reads one sample. The order does not depend on how the input was cut into shards.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from livecc.errors import LiveccError
from livecc.files import open_atomic
from livecc.leftovers import scratch_folder

#: Files merged at once; more are merged in two rounds, because open files are limited.
FAN_IN = 256
#: Snakemake looks at packs, and does not see that a file of a shard is gone or spoilt.
_AGAIN = "run again with --forcerun select_samples"
_PREFIX = b'[{"role": "user", "content": [{"type": "video", "video": '
_TEXT_STREAM = b'{"type": "text_stream", "text_stream": '
_END = b"}]}]\n"


@dataclass
class Merged:
    """What a merged file holds."""

    samples: int = 0
    videos: int = 0
    seconds: float = 0.0
    words: int = 0
    bytes: int = 0
    sha256: str = ""


def merge(samples: Sequence[Path], output: Path) -> Merged:
    """Merge sorted sample files into `output`.

    A sample that is in several files, because its video is in several shards, is written once.

    Raises LiveccError when a line is not one that `select_samples` wrote.
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


class _Sample(NamedTuple):
    """A line and what it says; sorts by video and time."""

    video: bytes
    start: float
    line: bytes
    end: float
    words: int


def _merged(files: list[Path], scratch: Path) -> Iterator[_Sample]:
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


def _merge_once(files: Sequence[Path]) -> Iterator[_Sample]:
    with contextlib.ExitStack() as stack:
        streams = [_samples(stack.enter_context(_opened(path)), path) for path in files]
        yield from heapq.merge(*streams)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise LiveccError(f"{path}: no such file; {_AGAIN}") from None


def _samples(stream: IO[bytes], path: Path) -> Iterator[_Sample]:
    decoder = json.JSONDecoder()
    for number, line in enumerate(stream, 1):
        try:
            if not line.startswith(_PREFIX) or not line.endswith(_END):
                raise ValueError
            # Only beginning and end are parsed: what is between may be a whole video's text.
            text = line[len(_PREFIX) : len(_PREFIX) + 65_536].decode("ascii")
            video, place = decoder.raw_decode(text)
            times = []
            for label in (', "video_start": ', ', "video_end": '):
                if not text.startswith(label, place):
                    raise ValueError
                time, place = decoder.raw_decode(text, place + len(label))
                times.append(time)
            words = _count_words(line)
        except ValueError:
            raise LiveccError(f"{path}, line {number}: not a sample; {_AGAIN}") from None
        start, end = times
        yield _Sample(video.encode("utf-8", "surrogatepass"), start, line, end, words)


def _count_words(line: bytes) -> int:
    """The words of a sample's text stream, which is the end of the line; ValueError without one.

    Inside a text the label that is looked for would have its quotes escaped.
    """
    words = line[line.rindex(_TEXT_STREAM) + len(_TEXT_STREAM) : -len(_END)]
    if b"\\" not in words:
        # Each is [start, end, "word"]; parsing would take longer than all the rest.
        return words.count(b'"') // 2
    try:
        return len(orjson.loads(words))
    except orjson.JSONDecodeError:
        # It does not take half of a surrogate pair, which Python writes and reads.
        return len(json.loads(words))


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
