"""Names of temporary files, and cleanup of those whose writer was killed.

A file is written under a temporary name and renamed when complete. A writer that exits removes
unfinished files; one that is killed (SIGKILL, machine crash) cannot. So the name identifies the
writer, and the first writer in a folder removes what dead writers left there. Names are never
shared: on a file system without locks, two writers of one file would corrupt it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from livecc.files.processes import begin_of

#: A file of another machine's writer counts as left over after this time without a write, because
#: its process cannot be checked from here. A writer still alive then fails; it never publishes a
#: partial file.
FOREIGN_SECONDS = 6 * 3600.0
_OWNER = r"(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-(?P<begin>\d+)-[0-9a-f]{8}"
_NAME = re.compile(rf"\..*\.{_OWNER}\.tmp", re.DOTALL)
#: Such a name in a text, behind the folder or what else stands before a path.
_IN_TEXT = re.compile(rf"(?:^|(?<=[/\s'\"(<=:]))\.(?P<name>[^/\n]*?)\.{_OWNER}\.tmp")
#: Of a longer name so much is in that of its temporary file: names may have 255 bytes.
_MOST_NAME_BYTES = 180

_swept: set[Path] = set()


def temporary_path(path: Path) -> Path:
    """A unique name next to `path`, after cleaning up leftovers in its folder."""
    sweep_once(path.parent)
    begin = begin_of(os.getpid()) or 0
    owner = f"{_host()}-{os.getpid()}-{begin}-{secrets.token_hex(4)}"
    name = path.name
    if len(os.fsencode(name)) > _MOST_NAME_BYTES:
        name = os.fsencode(name)[:_MOST_NAME_BYTES].decode(errors="ignore")
    return path.with_name(f".{name}.{owner}.tmp")


def without_temporary_names(text: str) -> str:
    """`text` with the names of files in place of those of their temporary files.

    People know the file that they asked for; what it is called while it is written tells them
    nothing.
    """
    return _IN_TEXT.sub(r"\g<name>", text) if ".tmp" in text else text


@contextmanager
def errors_about(path: Path, temporary: Path) -> Iterator[None]:
    """Errors of the system about `temporary`, or a file in it, become errors about `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            name = os.fsdecode(error.filename)
            if name == str(temporary) or name.startswith(f"{temporary}/"):
                error.filename = str(path)
                if error.filename2 is not None:
                    del error.filename2
        raise


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A temporary folder next to `path`; removed with its content on exit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = temporary_path(path)
    try:
        with errors_about(path, scratch):
            scratch.mkdir()
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sweep_once(folder: Path) -> None:
    """Remove what dead writers left in a folder, once per process and folder."""
    folder = folder.absolute()
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what dead writers left in a folder, as far as possible."""
    try:
        with os.scandir(folder) as entries:
            left = [folder / entry.name for entry in entries if _is_left(entry)]
    except OSError:
        return
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                path.unlink()
            except OSError:
                continue


def _is_left(entry: os.DirEntry[str]) -> bool:
    match = _NAME.fullmatch(entry.name)
    if match is None:
        return False
    if match["host"] == _host():
        return not _lives(int(match["pid"]), int(match["begin"]))
    return time.time() - _touched(Path(entry.path)) > FOREIGN_SECONDS


def _lives(pid: int, begin: int) -> bool:
    """Whether a writer on this machine is alive; a start time of 0 means it was unknown."""
    if begin:
        return begin_of(pid) == begin
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Another user's.
        return True
    return True


def _touched(path: Path) -> float:
    """Time of the last write to a file, or to a folder and its content."""
    latest = 0.0
    for place in (path, *path.rglob("*")):
        try:
            latest = max(latest, place.stat().st_mtime)
        except OSError:
            # Just renamed or removed: somebody is working there.
            return time.time()
    return latest


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=3).hexdigest()


def remove_all_but(pattern: str, kept: Iterable[str | Path]) -> None:
    """Remove the files that match a pattern (in its last part), but those with names of `kept`."""
    names = {Path(path).name for path in kept}
    for file in Path(pattern).parent.glob(Path(pattern).name):
        if file.name not in names:
            file.unlink()
