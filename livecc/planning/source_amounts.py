"""What the shards of a source come to before they are made: some of their lines, and how many.

Who lists a source knows how many videos of folders each shard gets, and keeps some of them as a
sample; ids decide the shard and the order, so the first of a shard are chosen by chance. Their
lines are made here as a run would make them. Of a dump the first entries are read, and the rest is
estimated by its size.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.lines import JSON_LINES_SUFFIXES
from livecc.files.parquet import count_rows
from livecc.planning.ranges import Range
from livecc.planning.samples import Lines, read_sample, spread
from livecc.sources.assigned import SourceSample, parts_of
from livecc.sources.listing import Dump
from livecc.sources.options import AnyPart
from livecc.sources.places import shard_names
from livecc.sources.shard import write_shard
from livecc.sources.split import first_lines

log = logging.getLogger(__name__)

#: So many dumps of a part are looked into, and so many of their entries are read.
SAMPLED_DUMPS, SAMPLED_ENTRIES = 4, 24
#: A dump whose entries nobody counts has so many times the bytes of the lines that it becomes.
OF_PLAIN, OF_PACKED = Range(0.5, 2.0), Range(0.05, 0.7)
_PACKED = (".gz", ".zst", ".parquet")


@dataclass(frozen=True)
class Coming:
    """Lines that are still to be made: some of them, and how many there are in each shard."""

    lines: Lines
    videos: Mapping[str, Range]


class PlannedSource:
    """A source whose shards are to be made; looked into when first asked."""

    def __init__(self, config: Mapping[str, Any], name: str, sample: SourceSample) -> None:
        source = config["sources"][name]
        self._mode: str = config["mode"]
        self._parts: list[AnyPart] = parts_of(source)
        self._shards = shard_names(name, source["shards"])
        self._sample = sample

    @cached_property
    def coming(self) -> list[Coming]:
        """The lines of videos in folders, and those of the dumps of each part."""
        found = []
        counts = self._sample.videos
        if any(counts):
            videos = map(Range.of, counts)
            found.append(Coming(self._made(), dict(zip(self._shards, videos, strict=True))))
        dumps = [one.dump() for one in self._sample.dumps if not one.metadata]
        for number, part in enumerate(self._parts):
            of_part = [dump for dump in dumps if dump.part == number]
            if of_part:
                lines, total = _of_dumps(part, of_part)
                each = total * (1 / len(self._shards))
                found.append(Coming(lines, dict.fromkeys(self._shards, each)))
        return found

    def _made(self) -> Lines:
        """The lines of the sampled videos."""
        with tempfile.TemporaryDirectory(prefix="livecc-plan-") as folder:
            worklist, output = Path(folder, "list"), Path(folder, "lines.jsonl")
            worklist.write_text("".join(self._sample.lines), encoding="utf-8")
            try:
                write_shard(0, worklist, [], output, None, self._parts, self._mode)
            except (LiveccError, OSError) as error:
                log.debug("no line could be made: %s", error)
                return []
            return _numbered(output.read_bytes().split(b"\n"))


def _of_dumps(part: AnyPart, dumps: list[Dump]) -> tuple[Lines, Range]:
    """(lines, number of videos) of the dumps of a part: those of some, and of all."""
    lines: list[bytes] = []
    total, looked = Range.of(0), 0
    for dump in spread(dumps, SAMPLED_DUMPS):
        try:
            found, whole = first_lines(part, dump, SAMPLED_ENTRIES)
        except (LiveccError, OSError) as error:
            log.debug("%s: %s", dump.path, error)
            continue
        lines += found
        looked += dump.size
        total += Range.of(len(found)) if whole else _entries(dump, found)
    everything = sum(dump.size for dump in dumps)
    return _numbered(lines), total * (everything / looked if looked else 0)


def _entries(dump: Dump, lines: list[bytes]) -> Range:
    """How many entries a dump has that begins with those of some lines."""
    path = Path(dump.path)
    try:
        if path.name.endswith(JSON_LINES_SUFFIXES):
            read, share = read_sample(path)
            return Range.of(len(read) / share)
        if path.name.endswith(".parquet"):
            return Range.of(count_rows(path))
    except (LiveccError, OSError, EOFError) as error:
        log.debug("%s: %s", path, error)
    size = sum(map(len, lines)) / max(len(lines), 1)
    bytes_of_entry = (OF_PACKED if path.name.endswith(_PACKED) else OF_PLAIN) * max(size, 1.0)
    found = Range.of(dump.size) / bytes_of_entry
    return Range(max(found.low, len(lines)), max(found.high, len(lines)))


def _numbered(lines: list[bytes]) -> Lines:
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
