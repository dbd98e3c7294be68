"""What the shards of a configured source are made of, as the run that starts finds it.

A source is listed once, by the process that plans the run. What it finds is written below the
results when the run starts: a digest of each shard for the processes of jobs, and a list of its
videos for each shard that has to be made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.files.digests import values_digest
from livecc.files.leftovers import remove_all_but
from livecc.formats.layout import SourceFiles
from livecc.sources.group import UNFINISHED, YOUNG
from livecc.sources.listing import VERSION, Dump, Listing, list_source
from livecc.sources.options import AnyPart, read_part
from livecc.sources.scan import Progress


class DumpFile(msgspec.Struct):
    """A dump, for the job that divides it; `digest`: of the file's state and its options."""

    digest: str
    part: int
    path: str
    metadata: bool
    size: int
    modified: int

    def dump(self) -> Dump:
        return Dump(self.part, self.path, self.metadata, self.size, self.modified)


class Assigned(msgspec.Struct):
    """What shards and dumps are made of: shard -> digest, key of a dump -> the dump.

    The rest is told to people: `videos` and `files` in folders, `left_out`: reason -> (number,
    examples).
    """

    shards: dict[str, str]
    dumps: dict[str, DumpFile]
    videos: int
    files: int
    left_out: dict[str, tuple[int, list[str]]]

    def has_videos(self) -> bool:
        """Whether a dump may hold videos, which nobody knows before it is divided."""
        return any(not dump.metadata for dump in self.dumps.values())


class SourceSample(msgspec.Struct):
    """A source for who plans a run: `videos` in folders by shard, `lines` about some of these
    (`Listing.write`), and its dumps."""

    videos: list[int]
    lines: list[str]
    dumps: list[DumpFile]


def parts_of(source: Mapping[str, Any]) -> list[AnyPart]:
    """The parts of a source in a configuration."""
    return [read_part(entry) for entry in source["from"]]


class ListedSource:
    """A source, listed. `videos` is the folder that the paths of its videos are relative to."""

    def __init__(
        self,
        files: SourceFiles,
        source: Mapping[str, Any],
        videos: str,
        mode: str,
        *,
        keep: bool,
        progress: Progress | None = None,
        own: Iterable[Path | str] = (),
    ) -> None:
        """List it; with `keep`, ids that were read are kept below the results.

        `own`: folders that the workflow writes, in which nothing is input.

        Raises LiveccError when a path does not exist.
        """
        self._files = files
        self.parts = parts_of(source)
        self.shards: int = source["shards"]
        state = Path(files.state)
        self._listing: Listing = list_source(
            self.parts,
            self.shards,
            videos,
            time.time(),
            name=files.name,
            state=state,
            keep=keep,
            progress=progress,
            own=own,
        )
        listed = self._listing
        dumps = {dump.key: self._dump_file(dump) for dump in listed.dumps}
        shared: list[Any] = [mode]
        if dumps:
            shared += [sorted((key, one.digest) for key, one in dumps.items()), source["from"]]
        self.assigned = Assigned(
            {
                shard: values_digest(version=VERSION, listed=digest, shared=shared)
                for shard, digest in listed.digests.items()
            },
            dumps,
            listed.videos,
            listed.files,
            {reason: (one.count, one.examples) for reason, one in sorted(listed.left_out.items())},
        )

    def _dump_file(self, dump: Dump) -> DumpFile:
        if not dump.path.isprintable():
            raise LiveccError(f"{dump.path!r}: rename the file; its name must be printable UTF-8")
        digest = dump.digest(self.parts[dump.part], self.shards)
        return DumpFile(digest, dump.part, dump.path, dump.metadata, dump.size, dump.modified)

    def write(self, is_made: Callable[[str], bool]) -> None:
        """Write what jobs need, and remove what was made of shards that are no more."""
        for shard in self.assigned.shards:
            work = self._made(self._files.video_list(shard))
            if not is_made(shard) or not work.exists():
                self._listing.write(shard, work)
        self._remove_others()
        write_json(self._made(self._files.assigned), msgspec.to_builtins(self.assigned))

    def sample(self, most: int) -> SourceSample:
        """What it holds in numbers, and lines about `most` videos or some more."""
        videos = self._listing.counts
        there = [number for number, count in enumerate(videos) if count]
        chosen = there[:: -(-len(there) // most) or 1]
        each = -(-most // max(len(chosen), 1))
        lines: list[str] = []
        for number in chosen:
            with self._listing.list_of(number).open(encoding="utf-8") as stream:
                lines += islice(stream, each)
        return SourceSample(videos, lines, list(self.assigned.dumps.values()))

    def lines(self) -> Iterator[bytes]:
        """A line for each video in folders, in the order of shards."""
        return self._listing.lines()

    def waiting(self) -> int:
        """Number of videos and files that may still be written, and wait for a later run."""
        left = self.assigned.left_out
        return sum(left[reason][0] for reason in (UNFINISHED, YOUNG) if reason in left)

    def close(self) -> None:
        """Remove scratch files."""
        self._listing.close()

    @staticmethod
    def _made(path: str) -> Path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path)

    def _remove_others(self) -> None:
        files = self._files
        for of_shard in (files.video_list, files.lines, files.left_out, files.stats):
            remove_all_but(of_shard("*"), map(of_shard, self.assigned.shards))
        remove_all_but(files.split("*"), map(files.split, self.assigned.dumps))
        remove_all_but(files.split_note("*"), map(files.split_note, self.assigned.dumps))


def read_assigned(files: SourceFiles) -> Assigned:
    """What the run that started has found. Raises LiveccError if it wrote nothing."""
    try:
        return msgspec.convert(read_json(files.assigned), Assigned)
    except msgspec.ValidationError:
        raise LiveccError(f"{files.assigned}: not written by this version; remove it") from None
