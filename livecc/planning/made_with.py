"""What a finished file was made with, recorded in it, so that every run sees changes.

Snakemake records params in its working directory; runs from another directory, clone or machine, by
another user, or of a copy of the results would not see that settings have changed. So each job
records a digest of the settings that decide its output, in a file that it writes last: the stats of
a shard, the note of its gate (livecc.scores.coverage), the report of a pack, a manifest. A job
whose record differs from the configuration gets a file as an input that is newer than its output:
it runs, and everything that depends on it.

Records that are missing or unreadable, as in results of earlier versions, count as different: the
job runs again. A stage with a score cache then finds its scores there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_json
from livecc.scores.fingerprint import fingerprint

#: The name of the record in a JSON file.
KEY = "made_with"
#: Input files up to this many bytes are compared by content.
MOST_READ = 2**20
#: The name of the file that makes jobs run again.
CHANGED = "changed-settings"


def made_with(
    decides: Mapping[str, Any], *places: Path | str | None, results: Path | str = "."
) -> str:
    """What an output is made with: two digests of the settings that decide it, for `is_same`.

    `places` are the input files and folders outside the results that they name. One digest has
    their absolute paths, the other their paths relative to the folder `results`: results may be
    copied or moved alone, or together with what they are made of. Files count with what `_state`
    says of them: one that was replaced by an older one is no newer than the results.
    """
    real = [None if place is None else _real(place) for place in places]
    root = _real(results)
    relative = [None if place is None else os.path.relpath(place, root) for place in real]
    settings = dict(decides)
    if relative == real:
        return fingerprint(decides=settings)
    states = [None if place is None else _state(place) for place in real]
    digests = (
        fingerprint(decides=settings, places=given, states=states) for given in (real, relative)
    )
    return "-".join(digests)


def _state(place: str) -> str | None:
    """What tells a file from an earlier one in its place; None for a folder or no file.

    Of a small file its content, which a copy has too; of a large one, size and modification time.
    """
    path = Path(place)
    try:
        stat = path.stat()
        if not path.is_file():
            return None
        if stat.st_size > MOST_READ:
            return f"{stat.st_size} {stat.st_mtime_ns}"
        return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return None


def _real(place: Path | str) -> str:
    return os.path.realpath(Path(place).expanduser())


def is_same(before: str | None, now: str) -> bool:
    """Whether a recorded `made_with` names the same settings and places."""
    pairs = zip((before or "").split("-"), now.split("-"), strict=False)
    return any(one == other for one, other in pairs)


def recorded(path: Path | str) -> str | None:
    """The record in a JSON file that a job wrote; None without one."""
    try:
        content = read_json(Path(path))
    except (OSError, LiveccError):
        return None
    return content.get(KEY) if isinstance(content, dict) else None


def record(path: Path | str, digest: str) -> None:
    """Record in a finished JSON file that it was made with the settings of now.

    Raises LiveccError or OSError if the file is no JSON object or cannot be written.
    """
    content = read_json(Path(path))
    if not isinstance(content, dict):
        raise LiveccError(f"{path}: not a JSON object")
    write_json(Path(path), {**content, KEY: digest})


class ChangedSettings:
    """A temporary file that is newer than outputs made with other settings: an input of their jobs.

    It is made when it is first needed, outside the results: a dry run changes nothing there.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._since = time.time()

    def newer_than(self, output: Path | str) -> str:
        """The file, newer than `output` is now."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="livecc-")
        path = Path(self._folder.name, CHANGED)
        path.touch()
        with contextlib.suppress(FileNotFoundError):
            # The clock of a file server may be ahead.
            self._since = max(self._since, Path(output).stat().st_mtime + 1)
        os.utime(path, (self._since, self._since))
        return str(path)
