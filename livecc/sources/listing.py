"""What a source holds: its videos by shard, and its dumps, which `split` divides.

Folders are listed without opening what they hold; only of info files that are new or have changed
the first bytes are read, for the ids. Memory is bounded by a piece of the scan and by one shard's
list, not by the number of files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Any

import msgspec
import orjson

from livecc.errors import LiveccError
from livecc.files.atomic import atomic_path
from livecc.files.digests import values_digest
from livecc.files.leftovers import temporary_path
from livecc.sources.formats.metadata import METADATA_SUFFIXES
from livecc.sources.group import Group, groups_of
from livecc.sources.ids import read_ids
from livecc.sources.names import id_of_stem
from livecc.sources.options import Part, format_of
from livecc.sources.places import FOLDER, place_of, shard_at, shard_names, sorted_line
from livecc.sources.record import id_problem, path_of
from livecc.sources.registry import dump_format
from livecc.sources.scan import (
    OWN,
    OwnFolders,
    Progress,
    Reasons,
    files_below,
    folders_of,
    paths_of,
    read_pieces,
    scan,
)

#: Raised when the same files become other lines.
VERSION = "1"
UNUSABLE_ID = "a name that can be no id"
_BUFFERED_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Dump:
    """A file that holds many videos, or facts of many (`metadata`): the input of a split.

    `part`: the number of its part, from 0.
    """

    part: int
    path: str
    metadata: bool
    size: int
    modified: int

    def digest(self, part: Part, shards: int) -> str:
        """Of all that decides what it is divided into, besides its content."""
        state = (self.part, ascii(self.path), self.metadata, self.size, self.modified)
        told = {"shards": shards, "part": msgspec.to_builtins(part), "file": state}
        return values_digest(version=VERSION, **told)

    @property
    def key(self) -> str:
        """A name for what is made of it, from its number and path."""
        digest = hashlib.blake2b(self.path.encode("utf-8", "surrogateescape"), digest_size=8)
        return f"{self.part:03d}-{'metadata' if self.metadata else 'videos'}-{digest.hexdigest()}"


@dataclass
class Listing:
    """The videos in folders by shard, and the dumps; a context manager, as it has scratch files.

    `digests`: of each shard's list of videos and the options of their parts; dumps add nothing to
    it. `videos`, `files`: numbers of those in folders; `counts`: of videos in each shard.
    `left_out`: by reason, files and videos in folders that are not listed, because they wait or are
    of no use.
    """

    names: list[str]
    scratch: Path
    digests: dict[str, str] = field(default_factory=dict)
    dumps: list[Dump] = field(default_factory=list)
    left_out: Reasons = field(default_factory=Reasons)
    videos: int = 0
    files: int = 0
    counts: list[int] = field(default_factory=list)

    def write(self, shard: str, path: Path | str) -> None:
        """Write the list of a shard's videos for `shard.write_shard`: lines in their order."""
        with atomic_path(path) as temporary:
            source = self.list_of(self.names.index(shard))
            if source.exists():
                shutil.copyfile(source, temporary)
            else:
                temporary.touch()

    def lines(self) -> Iterator[bytes]:
        """The lines of all lists, in the order of shards."""
        for number in range(len(self.names)):
            path = self.list_of(number)
            if path.exists():
                with path.open("rb") as stream:
                    yield from stream

    def list_of(self, number: int) -> Path:
        """The scratch file of a shard's list; missing if it has no videos."""
        return self.scratch / f"shard-{number}"

    def close(self) -> None:
        """Remove the scratch files."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Listing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def list_source(
    parts: Sequence[Part],
    shards: int,
    videos_root: Path | str | None,
    now: float,
    *,
    name: str = "shard",
    state: Path | None = None,
    keep: bool = True,
    progress: Progress | None = None,
    own: Iterable[Path | str] = (),
) -> Listing:
    """List a source of some parts, divided into `shards`.

    `videos_root`: the folder that paths of videos are relative to; None: each part's own folder.
    `now`: seconds since 1970; what is younger than a minute waits. `name`: of the source, with
    which names of shards begin. `state`: a folder that keeps the ids in info files between
    listings; without `keep`, nothing is written there. `progress` is called with the number of
    files found so far. `own`: folders that are written, in which nothing is input. Raises
    LiveccError when a path does not exist, is one of these, or a folder of files is none.
    """
    ours = OwnFolders.of(own)
    listing = Listing(shard_names(name, shards), _scratch(state if keep else None))
    try:
        lists = _Lists(listing, shards)
        for number, part in enumerate(parts):
            if part.folder:
                _list_folders(
                    listing, lists, number, part, videos_root, now, state, progress, ours, keep=keep
                )
            else:
                suffixes = dump_format(part).SUFFIXES
                _list_dumps(listing, number, part.paths, suffixes, ours, metadata=False)
            _list_dumps(listing, number, part.metadata, METADATA_SUFFIXES, ours, metadata=True)
        lists.flush()
        listing.digests = {
            shard: lists.finish(index, parts) for index, shard in enumerate(listing.names)
        }
    except BaseException:
        listing.close()
        raise
    return listing


def _scratch(state: Path | None) -> Path:
    if state is None:
        return Path(tempfile.mkdtemp(prefix="livecc-listing-"))
    state.mkdir(parents=True, exist_ok=True)
    # What killed listings left there is removed.
    scratch = temporary_path(state / "listing")
    scratch.mkdir()
    return scratch


class _Lists:
    """The lists of all shards, in scratch files."""

    def __init__(self, listing: Listing, shards: int) -> None:
        self._path = listing.list_of
        self._shards = shards
        self._counts = listing.counts = [0] * shards
        self._buffers: dict[int, list[bytes]] = defaultdict(list)
        self._buffered = 0

    def add(self, name: str, part: int, entry: Mapping[str, Any]) -> None:
        place = place_of(name)
        line = sorted_line(name, place, part, FOLDER, orjson.dumps(entry))
        self._buffers[shard_at(place, self._shards)].append(line)
        self._buffered += len(line)
        if self._buffered > _BUFFERED_BYTES:
            self.flush()

    def flush(self) -> None:
        for number, lines in self._buffers.items():
            with self._path(number).open("ab") as stream:
                stream.writelines(lines)
        self._buffers.clear()
        self._buffered = 0

    def finish(self, number: int, parts: Sequence[Part]) -> str:
        """Bring the list of a shard in order; returns its digest."""
        digest = hashlib.blake2b(VERSION.encode(), digest_size=16)
        path = self._path(number)
        if path.exists():
            lines = sorted(path.read_bytes().splitlines(keepends=True))
            self._counts[number] = len(lines)
            path.write_bytes(b"".join(lines))
            for line in lines:
                digest.update(line)
            for index in sorted({int(line.split(b"\t", 3)[2]) for line in lines}):
                digest.update(msgspec.json.encode(parts[index], order="sorted"))
        return digest.hexdigest()


def _list_dumps(
    listing: Listing,
    number: int,
    written: Sequence[str],
    suffixes: tuple[str, ...],
    own: OwnFolders,
    *,
    metadata: bool,
) -> None:
    passed_over = own.found_in(written)
    for path in paths_of(written):
        if path in passed_over:
            listing.left_out.add(OWN, str(path))
            continue
        files = [path]
        if path.is_dir():
            files = files_below(path, suffixes, listing.left_out, own)
        for file in files:
            state = file.stat()
            if not S_ISREG(state.st_mode):
                raise LiveccError(f"{file}: no regular file; name a file on the disk")
            listing.dumps.append(
                Dump(number, str(file), metadata, state.st_size, state.st_mtime_ns)
            )


def _list_folders(
    listing: Listing,
    lists: _Lists,
    number: int,
    part: Part,
    videos_root: Path | str | None,
    now: float,
    state: Path | None,
    progress: Progress | None,
    own: OwnFolders,
    *,
    keep: bool,
) -> None:
    folders = folders_of(part.paths)
    passed_over = own.found_in(part.paths)
    scratch = listing.scratch / f"part-{number}"
    scratch.mkdir()
    listing.files += scan(
        folders, scratch, listing.left_out, progress, listing.files, own, passed_over
    )
    prefixes = [_prefix(folder, videos_root) for folder in folders]
    for piece, files in read_pieces(scratch):
        groups = list(groups_of(files, format_of(part), listing.left_out, int(now * 1e9)))
        infos = [
            (str(_place(folders, group, group.info.name)), group.info.size, group.info.modified)
            for group in groups
            if group.info is not None
        ]
        kept = None if state is None else state / "ids" / f"{number:03d}-{piece:02d}.jsonl.zst"
        known = kept is not None and kept.exists()
        ids = read_ids(infos, kept, keep=keep) if infos or known else {}
        for group in groups:
            found = None
            if group.info is not None:
                found = ids[str(_place(folders, group, group.info.name))]
            found = found or id_of_stem(group.stem)
            if id_problem(found):
                listing.left_out.add(UNUSABLE_ID, group.path)
                continue
            listing.videos += 1
            lists.add(found, number, _entry(group, found, part, prefixes[group.root]))
    shutil.rmtree(scratch)


def _place(folders: Sequence[Path], group: Group, name: str) -> Path:
    return folders[group.root] / group.folder / name


def _entry(group: Group, found: str, part: Part, prefix: str) -> dict[str, Any]:
    """What `shard` needs to read a video, and what decides whether it must be read again."""
    media = group.video
    if media is not None:
        path = f"{group.folder}/{media.name}" if group.folder else media.name
        video = prefix + path
    else:
        video = path_of(part.video, found)
    return {
        "id": found,
        "video": video,
        "root": group.root,
        "folder": group.folder,
        "stem": group.stem,
        "info": group.info and group.info.name,
        "words": group.words and group.words.name,
        "captions": sorted(
            [file.name, language, extension] for file, language, extension in group.captions
        ),
        "files": [[file.name, file.size, file.modified] for file in group.files()],
    }


def _prefix(folder: Path, videos_root: Path | str | None) -> str:
    """What leads from the folder of the videos to a part's folder: "" or a path and "/".

    A folder elsewhere is named by its absolute path, which `videos_outside` must allow.
    """
    if videos_root is None:
        return ""
    root, inside = os.path.realpath(videos_root), os.path.realpath(folder)
    if inside == root:
        return ""
    if inside.startswith(root.rstrip("/") + "/"):
        return inside[len(root.rstrip("/")) + 1 :] + "/"
    return inside + "/"
