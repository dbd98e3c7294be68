"""The same video in two sources of one track: it would be counted, and perhaps used, twice.

Within a source the first of its parts is taken. Two sources may be used by several tracks, in any
order, so which of them is the first is not theirs to say: who wants both makes them one source.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from livecc.errors import LiveccError
from livecc.formats.layout import SourceFiles
from livecc.sources.assigned import Assigned, read_assigned
from livecc.sources.places import BAD, FACTS, shards_beside
from livecc.sources.split import read_split
from livecc.terminal import count, printable


@dataclass(frozen=True)
class Shared:
    """Videos that several sources hold: their number, two of the sources, and an id."""

    number: int
    sources: tuple[str, str]
    example: str


def shared_videos(sources: Mapping[str, Iterable[bytes]]) -> Shared | None:
    """The videos that several sources hold; None if there is none.

    `sources`: the name of each and its lines, in the order of shards (`places.sorted_line`). One
    line of each is in memory.
    """
    keyed = [_videos(name, lines) for name, lines in sources.items()]
    number = 0
    first: tuple[tuple[str, str], str] | None = None
    for video, group in groupby(heapq.merge(*keyed), itemgetter(0)):
        names = list(dict.fromkeys(name for _, name in group))
        if len(names) > 1:
            number += 1
            if first is None:
                first = (names[0], names[1]), video.partition(b"\t")[2].decode()
    return None if first is None else Shared(number, *first)


def check_shard(files: SourceFiles, shard: str, others: Mapping[str, str]) -> None:
    """Raise LiveccError if another source holds a video of a shard of a source.

    `others`: the names of these sources, and of each a track that uses both. Their dumps are
    divided.
    """
    own = read_assigned(files)
    names = list(own.shards)
    number = names.index(shard)
    for other, track in others.items():
        theirs = SourceFiles(files.results, other)
        beside = shards_beside(number, len(names), len(read_assigned(theirs).shards))
        streams = {
            files.name: _lines(files, own, [number]),
            other: _lines(theirs, read_assigned(theirs), beside),
        }
        shared = shared_videos(streams)
        if shared is not None:
            raise twice(track, shared)


def _lines(files: SourceFiles, assigned: Assigned, shards: Iterable[int]) -> Iterator[bytes]:
    """The lines of some shards of a source, in their order."""
    names = list(assigned.shards)
    splits = [read_split(files.split(dump)) for dump in assigned.dumps]
    for number in shards:
        listed = _lines_of(Path(files.video_list(names[number])))
        parts = [listed, *(split.lines(number) for split in splits)]
        yield from heapq.merge(*parts, key=_video)


def twice(track: str, shared: Shared) -> LiveccError:
    """The error for a track whose sources share videos."""
    one, two = shared.sources
    return LiveccError(
        f"tracks.{track}.sources: {one} and {two} both hold {count(shared.number, 'video')} (such "
        f"as {printable(shared.example)}), which would be used twice; make them one source with "
        "the entries of both under `from`, where a video is taken from the first that holds it"
    )


def _videos(name: str, lines: Iterable[bytes]) -> Iterator[tuple[bytes, str]]:
    """(place and id, name) of each line that is of a video."""
    for line in lines:
        place, key, _, kind, _ = line.split(b"\t", 4)
        if kind not in (FACTS, BAD):
            yield b"%b\t%b" % (place, key), name


def _video(line: bytes) -> bytes:
    return line[: line.index(b"\t", 17)]


def _lines_of(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as stream:
            yield from stream
