"""Names of files that are being written, and what becomes of those whose writer was killed.

A file is written under a temporary name and renamed when it is whole. A writer that ends removes
what it has not finished; one that is killed (SIGKILL, a machine that goes down) cannot. So the name
says who writes, and whoever first writes into a folder removes what dead writers left there. Names
are never shared: on a file system without locks, two writers of one file would spoil it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livecc.processes import begin_of

#: What another machine's writer has not touched for so long is left over: whether that writer lives
#: cannot be seen from here. Should it live all the same, it fails; it never takes a part for whole.
FOREIGN_SECONDS = 6 * 3600.0
_NAME = re.compile(
    r"\..*\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-(?P<begin>\d+)-[0-9a-f]{8}\.tmp", re.DOTALL
)

_swept: set[Path] = set()


def temporary_path(path: Path) -> Path:
    """A name beside `path` that nobody else has, after removing what was left in its folder."""
    sweep_once(path.parent)
    begin = begin_of(os.getpid()) or 0
    owner = f"{_host()}-{os.getpid()}-{begin}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{owner}.tmp")


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, for work on it; it goes away with what is then in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = temporary_path(path)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sweep_once(folder: Path) -> None:
    """Remove what dead writers left in a folder, the first time this process asks for it."""
    folder = folder.absolute()
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what dead writers left in a folder; what cannot be removed stays."""
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
    """Whether a writer of this machine lives; 0 is the begin of one that could not tell its own."""
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
    """When something was last written to a file, or to a folder and what is in it."""
    latest = 0.0
    for place in (path, *path.rglob("*")):
        try:
            latest = max(latest, place.stat().st_mtime)
        except OSError:
            # It has just been renamed or removed: somebody works there.
            return time.time()
    return latest


def _host() -> str:
    return hashlib.blake2b(socket.gethostname().encode(), digest_size=3).hexdigest()
