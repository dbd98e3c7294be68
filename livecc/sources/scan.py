"""The files of folders, of any number, in bounded memory.

Folders may hold a hundred million files, so what is found goes to scratch files, divided such that
files that may belong together are in the same one: those of a folder whose names agree up to the
first dot.
"""

from __future__ import annotations

import glob
import os
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import orjson

from livecc.errors import LiveccError
from livecc.files.paths import expanded

#: Scratch files; each is read into memory as a whole.
PIECES = 64
# Files between two calls of the progress callback.
_STEP = 4096
_BUFFERED_BYTES = 2**18
_EXAMPLES = 5
OWN = "a folder of results, which are no input"

Progress = Callable[[int], None]


class File(NamedTuple):
    """A file below one of a part's folders.

    `folder`: relative to it, "" for itself; `modified`: nanoseconds.
    """

    root: int
    folder: str
    name: str
    size: int
    modified: int


@dataclass
class LeftOut:
    """Files or videos that are left out for one reason; some of them as examples."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, path: str, count: int = 1) -> None:
        self.count += count
        if len(self.examples) < _EXAMPLES:
            self.examples.append(path)


class Reasons(dict[str, LeftOut]):
    """What is left out, by reason."""

    def add(self, reason: str, path: str, count: int = 1) -> None:
        self.setdefault(reason, LeftOut()).add(path, count)

    def counts(self) -> Counter[str]:
        return Counter({reason: left.count for reason, left in self.items()})


def paths_of(written: Sequence[str]) -> list[Path]:
    """Paths as a configuration has them: a leading ~ and globs expanded, each once.

    Raises LiveccError where nothing is there.
    """
    return list(_found(written))


def _found(written: Sequence[str]) -> dict[Path, bool]:
    """Such paths, and whether a glob found them."""
    found: dict[str, tuple[Path, bool]] = {}
    for text in written:
        path = expanded(text)
        paths = [path]
        matched = not path.exists() and glob.has_magic(text)
        if matched:
            paths = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        if not paths or not paths[0].exists():
            raise LiveccError(f"{text}: no such file or folder; correct the path of the source")
        for one in paths:
            found.setdefault(os.path.realpath(one), (one, matched))
    return dict(found.values())


@dataclass(frozen=True)
class OwnFolders:
    """Folders that the program writes itself: what is in them is no input.

    Whoever names a folder or file inside of one means it; what a glob or a walk finds there is
    passed over.
    """

    folders: frozenset[str] = frozenset()

    @classmethod
    def of(cls, folders: Iterable[Path | str]) -> OwnFolders:
        return cls(frozenset(os.path.realpath(folder) for folder in folders))

    def is_one(self, folder: Path | str) -> bool:
        """Whether a folder is one of them."""
        return os.path.realpath(folder) in self.folders

    def hold(self, path: Path | str) -> bool:
        """Whether a path is one of them or inside of one."""
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(one) for one in self.folders)

    def below(self, top: Path) -> frozenset[str]:
        """Those inside of a folder, by their paths in it."""
        real = Path(os.path.realpath(top))
        inside = (Path(one) for one in self.folders)
        return frozenset(
            str(one.relative_to(real)) for one in inside if one != real and one.is_relative_to(real)
        )

    def found_in(self, written: Sequence[str]) -> set[Path]:
        """Of the paths of `paths_of`, those that a glob found in these folders.

        Raises LiveccError if one of these folders is named itself.
        """
        found = _found(written)
        for path, matched in found.items():
            if not matched and self.is_one(path):
                raise LiveccError(
                    f"{path}: what is made is written into this folder, too; choose another one "
                    "for it (results, --output), or name the folders and files inside of it"
                )
        return {path for path, matched in found.items() if matched and self.hold(path)}


def folders_of(written: Sequence[str]) -> list[Path]:
    """The folders of such paths. Raises LiveccError for anything else."""
    folders = paths_of(written)
    for folder in folders:
        if not folder.is_dir():
            raise LiveccError(f"{folder}: is no folder; name the folder that the file is in")
    return folders


def scan(
    folders: Sequence[Path],
    scratch: Path,
    left_out: Reasons,
    progress: Progress | None = None,
    seen: int = 0,
    own: OwnFolders | None = None,
    passed_over: Container[Path] = (),
) -> int:
    """Write the files below `folders` to files in `scratch`, PIECES at most; returns their number.

    Links to folders are not followed, and hidden files are passed over, and so are `own` folders
    and those of `folders` that are in `passed_over`. `seen`: files that were there before, for the
    progress.
    """
    # Not lists: each line that orjson makes holds the kilobyte that it might have needed.
    buffers = [bytearray() for _ in range(PIECES)]
    paths = [scratch / f"{number:02d}" for number in range(PIECES)]
    found = 0
    for root, folder in enumerate(folders):
        if folder in passed_over:
            left_out.add(OWN, str(folder))
            continue
        for file in _walk(root, folder, left_out, own or OwnFolders()):
            found += 1
            piece = _piece(file.folder, file.name)
            buffer = buffers[piece]
            buffer += orjson.dumps(tuple(file), option=orjson.OPT_APPEND_NEWLINE)
            if len(buffer) >= _BUFFERED_BYTES:
                _spill(buffer, paths[piece])
            if progress is not None and not found % _STEP:
                progress(seen + found)
    for buffer, path in zip(buffers, paths, strict=True):
        _spill(buffer, path)
    if progress is not None:
        progress(seen + found)
    return found


def read_pieces(scratch: Path) -> Iterator[tuple[int, list[File]]]:
    """(number, files) of each piece of a scan; one without files was not written."""
    for number in range(PIECES):
        path = scratch / f"{number:02d}"
        lines = path.read_bytes().splitlines() if path.exists() else []
        yield number, [File(*orjson.loads(line)) for line in lines]


def _spill(buffer: bytearray, path: Path) -> None:
    if buffer:
        with path.open("ab") as stream:
            stream.write(buffer)
        buffer.clear()


def _piece(folder: str, name: str) -> int:
    beginning = name.partition(".")[0]
    return zlib.crc32(f"{folder}/{beginning}".encode()) % PIECES


def files_below(
    top: Path, suffixes: tuple[str, ...], left_out: Reasons, own: OwnFolders
) -> list[Path]:
    """The files below a folder whose names end in one of `suffixes`, sorted; hidden ones and those
    in `own` folders are passed over."""
    ours = {top / inside for inside in own.below(top)}
    found: list[Path] = []
    for place, folders, names in os.walk(top):
        inner = {name: Path(place, name) for name in sorted(folders) if name[0] != "."}
        folders[:] = [name for name, path in inner.items() if path not in ours]
        for path in ours.intersection(inner.values()):
            left_out.add(OWN, str(path))
        found += [Path(place, n) for n in names if n.endswith(suffixes) and n[0] != "."]
    return sorted(path for path in found if path.is_file())


def _walk(root: int, top: Path, left_out: Reasons, own: OwnFolders) -> Iterator[File]:
    real_top: str | None = None
    ours = own.below(top)
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        place = os.path.join(top, folder) if folder else str(top)  # noqa: PTH118
        try:
            entries = os.scandir(place)
        except OSError as error:
            left_out.add(f"a folder that cannot be listed ({error.strerror})", place)
            continue
        with entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    continue
                if not _is_text(name):
                    left_out.add(
                        "its name is not UTF-8", os.fsencode(entry.path).decode(errors="replace")
                    )
                    continue
                try:
                    if entry.is_symlink():
                        if entry.is_dir():
                            left_out.add("a link to a folder, which is not followed", entry.path)
                            continue
                        if real_top is None:
                            real_top = os.path.realpath(top) + os.sep
                        outside = not os.path.realpath(entry.path).startswith(real_top)
                        if outside and not _may_lead_out(name):
                            left_out.add("a link that leads out of the folder", entry.path)
                            continue
                    elif entry.is_dir(follow_symlinks=False):
                        inside = f"{folder}/{name}" if folder else name
                        if inside in ours:
                            left_out.add(OWN, entry.path)
                        else:
                            waiting.append(inside)
                        continue
                    state = entry.stat()
                except FileNotFoundError:
                    # Renamed since, or a link to nothing.
                    if entry.is_symlink():
                        left_out.add("a link to nothing", entry.path)
                    continue
                except OSError as error:
                    left_out.add(f"a file that cannot be looked at ({error.strerror})", entry.path)
                    continue
                if not S_ISREG(state.st_mode):
                    left_out.add("no regular file", entry.path)
                    continue
                yield File(root, folder, name, state.st_size, state.st_mtime_ns)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _may_lead_out(name: str) -> bool:
    """Videos are not opened here, and `videos_outside` decides for those that open them."""
    from livecc.sources.names import read_name

    return read_name(name).role == "video"
