"""Which shard a video is in: decided by its id alone, the same on every machine and for ever."""

from __future__ import annotations

import hashlib


def place_of(name: str) -> int:
    """Where the video of an id lies among all, below 2 ** 64.

    Shards are ranges of places, and videos are in this order within a shard: so the order over all
    shards does not depend on their number.
    """
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def shard_at(place: int, shards: int) -> int:
    """The shard, from 0, of a place."""
    return place * shards >> 64


def shards_beside(shard: int, shards: int, others: int) -> range:
    """Which of `others` shards may hold the videos of one of `shards`."""
    first, behind = (-((-number << 64) // shards) for number in (shard, shard + 1))
    return range(shard_at(first, others), shard_at(behind - 1, others) + 1)


def shard_names(source: str, shards: int) -> list[str]:
    """The names of a source's shards, in order: downloads-00007-of-00040."""
    return [f"{source}-{number:05d}-of-{shards:05d}" for number in range(shards)]


#: Kinds of the lines that are merged into a shard: a video of a folder, which is still to be read;
#: facts; an input line; an input line that gives way to those of later parts; a bad entry.
FOLDER, FACTS, VIDEO, WEAK, BAD = b"f", b"m", b"v", b"w", b"x"


def sorted_line(name: str, place: int, part: int, kind: bytes, payload: bytes) -> bytes:
    """A line about the video of an id, with its newline; sorted as bytes, lines are in the order of
    shards, and those of one video are together, of the first part first.

    `payload`: JSON without line breaks.
    """
    key = name.encode("utf-8", "replace").replace(b"\t", b" ").replace(b"\n", b" ")
    return b"%016x\t%b\t%03d\t%b\t%b\n" % (place, key, part, kind, payload)


def sort_key(line: bytes) -> bytes:
    """What a line is sorted by: place, id and part."""
    return line[: line.index(b"\t", line.index(b"\t", 17) + 1)]
