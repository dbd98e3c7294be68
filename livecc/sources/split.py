"""Divide a dump between the shards: one file with a section per shard, and an index.

A dump is read once, however many shards there are; a shard then reads its sections alone. In a
section, lines are in the order of shards (`places.sorted_line`), so that sections are merged
without being sorted again. A section is a zstd frame; the index is at the end of the file, and has
a digest of each section: what did not change is made into nothing new.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import ZSTD_LEVEL, atomic_path
from livecc.files.leftovers import scratch_folder
from livecc.sources.listing import VERSION, Dump
from livecc.sources.options import Part, format_of
from livecc.sources.places import (
    BAD,
    FACTS,
    VIDEO,
    WEAK,
    place_of,
    shard_at,
    sort_key,
    sorted_line,
)
from livecc.sources.record import id_problem, to_line
from livecc.sources.registry import Bad, Entry, FactsOf, Line, WeakVideo, dump_format

_MAGIC = b"livecc-split-1\n"
_BUFFERED_BYTES = 64 * 2**20
# Entries between two calls of the progress callback.
_STEP = 1024
# Of a dump that begins with as many entries without videos, no more are looked at.
_MOST_PASSED_OVER = 1000


class Section(msgspec.Struct, array_like=True):
    """Where the lines of a shard are, in bytes, and what they are."""

    offset: int
    size: int
    lines: int
    digest: str


class Index(msgspec.Struct):
    """What the end of the file says; `videos`, `facts` and `bad` count entries."""

    part: int
    path: str
    videos: int
    facts: int
    bad: int
    sections: list[Section]


@dataclass(frozen=True)
class SplitFile:
    """A file that `split_file` has written."""

    path: Path
    index: Index

    @property
    def digests(self) -> list[str]:
        """Of the lines of each shard, in order."""
        return [section.digest for section in self.index.sections]

    def lines(self, shard: int) -> Iterator[bytes]:
        """The lines of a shard."""
        import zstandard

        section = self.index.sections[shard]
        if not section.lines:
            return
        with self.path.open("rb") as raw:
            raw.seek(section.offset)
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_size=2**17)
            with closing(io.BufferedReader(cast(Any, reader), 2**20)) as stream:
                for _ in range(section.lines):
                    yield stream.readline()


def split_file(
    part: Part,
    dump: Dump,
    shards: int,
    output: Path | str,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Write the split of a dump atomically; returns its index.

    Memory is bounded by the largest section and a buffer. `progress` is called with the number of
    entries so far. Raises LiveccError when the dump cannot be read.
    """
    output = Path(output)
    counts: Counter[str] = Counter()
    with scratch_folder(output) as scratch, atomic_path(output) as temporary:
        with _Buckets(scratch) as buckets:
            for number, entry in enumerate(_entries(part, dump), 1):
                kind, place, line = _line(entry, part, dump)
                counts[kind.decode()] += 1
                buckets.add(shard_at(place, shards), line)
                if progress is not None and not number % _STEP:
                    progress(number)
        index = Index(
            part=dump.part,
            path=dump.path,
            videos=counts["v"] + counts["w"],
            facts=counts["m"],
            bad=counts["x"],
            sections=[],
        )
        with temporary.open("wb") as stream:
            stream.write(_MAGIC)
            for number in range(shards):
                index.sections.append(_write_section(stream, buckets.lines(number)))
            packed = msgspec.json.encode(index)
            stream.write(packed + len(packed).to_bytes(8, "big"))
    return index


def first_lines(part: Part, dump: Dump, most: int) -> tuple[list[bytes], bool]:
    """Input lines of the first videos of a dump, at most so many, and whether these are all.

    Raises LiveccError when the dump cannot be read.
    """
    lines: list[bytes] = []
    entries = _entries(part, dump)
    for entry in islice(entries, _MOST_PASSED_OVER):
        if len(lines) == most:
            return lines, False
        kind, _, line = _line(entry, part, dump)
        if kind in (VIDEO, WEAK):
            lines.append(line.rstrip(b"\n").split(b"\t", 4)[4])
    return lines, next(entries, None) is None


def read_split(path: Path | str) -> SplitFile:
    """A file that `split_file` has written. Raises LiveccError if it is none."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("another kind of file")
            stream.seek(-8, io.SEEK_END)
            size = int.from_bytes(stream.read(8), "big")
            stream.seek(-8 - size, io.SEEK_END)
            return SplitFile(path, msgspec.json.decode(stream.read(size), type=Index))
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise LiveccError(
            f"{path}: no split of a dump ({error}); remove it to make it again"
        ) from None


def _entries(part: Part, dump: Dump) -> Iterator[Entry]:
    if dump.metadata:
        from livecc.sources.formats.metadata import read_metadata

        return read_metadata(Path(dump.path))
    return dump_format(part).read_dump(Path(dump.path), part)


def _line(entry: Entry, part: Part, dump: Dump) -> tuple[bytes, int, bytes]:
    """(kind, place, line) of an entry."""
    if isinstance(entry, WeakVideo):
        kind, name = WEAK, entry.video.id
    elif isinstance(entry, FactsOf):
        kind, name = FACTS, entry.id
    elif isinstance(entry, Bad):
        kind, name = BAD, ""
    else:
        kind, name = VIDEO, entry.id
    if kind != BAD and (held := id_problem(name)):
        where = f"the video {name[:100]!r}" if isinstance(name, str) else "a video"
        kind, entry = BAD, Bad(where, f"its id {held}")
    if isinstance(entry, Bad):
        # Without an id, so that it is told of in one shard.
        name = f"{dump.path}: {entry.where}"
        payload = orjson.dumps(
            {"where": _text(f"{dump.path}, {entry.where}"), "reason": _text(entry.reason)}
        )
    elif isinstance(entry, FactsOf):
        payload = orjson.dumps(
            [_text(entry.facts.title), _text(entry.facts.category), entry.facts.about]
        )
    elif isinstance(entry, Line):
        payload = entry.line
    else:
        video = entry.video if isinstance(entry, WeakVideo) else entry
        payload = to_line(video, format_of(part))
    place = place_of(name)
    return kind, place, sorted_line(name, place, dump.part, kind, payload)


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class _Buckets:
    """Lines by shard, in scratch files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffers: dict[int, list[bytes]] = defaultdict(list)
        self._buffered = 0

    def __enter__(self) -> _Buckets:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()

    def add(self, shard: int, line: bytes) -> None:
        self._buffers[shard].append(line)
        self._buffered += len(line)
        if self._buffered > _BUFFERED_BYTES:
            self._flush()

    def _flush(self) -> None:
        for shard, lines in self._buffers.items():
            with (self._folder / str(shard)).open("ab") as stream:
                stream.writelines(lines)
        self._buffers.clear()
        self._buffered = 0

    def lines(self, shard: int) -> list[bytes]:
        """The lines of a shard in their order; of equal places the first first."""
        path = self._folder / str(shard)
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")
        path.unlink()
        return sorted(lines[:-1], key=sort_key)


def _write_section(stream: IO[bytes], lines: list[bytes]) -> Section:
    import zstandard

    digest = hashlib.blake2b(VERSION.encode(), digest_size=16)
    offset = stream.tell()
    if lines:
        with zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(
            stream, closefd=False
        ) as packer:
            for line in lines:
                digest.update(line + b"\n")
                packer.write(line + b"\n")
    return Section(offset, stream.tell() - offset, len(lines), digest.hexdigest())
