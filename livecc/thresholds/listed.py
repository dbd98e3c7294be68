"""A kind of threshold: the id of a video is on none of some lists.

A list is a text file with one id a line; blank lines and lines that begin with # are comments. In
the configuration a list is a path. Wherever thresholds are recorded it is `PATH#DIGEST`, with a
digest of the ids: a changed list is another threshold, and rewriting comments or the order is none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Any, ClassVar, Self

import msgspec

from livecc.errors import LiveccError
from livecc.files.limits import MAX_PATH_BYTES
from livecc.files.paths import expanded
from livecc.files.yaml_files import REPOSITORY
from livecc.sections import Section, Text
from livecc.thresholds.kinds import is_in

_RECORDED = re.compile(r"(?P<path>.+)#(?P<digest>[0-9a-f]{16})", re.DOTALL)
_COMMENT = "#"
_MOST_LINE = 64 * 2**10


class ChangedListError(LiveccError):
    """A recorded list is not the one that the file holds now."""


@dataclass(frozen=True)
class IdList:
    """The ids of a file; `digest` of 16 hexadecimal digits depends on the set of ids alone."""

    ids: frozenset[str]
    digest: str


def read_list(path: str) -> IdList:
    """The ids in a file.

    A relative path is that of the working directory, or else of this project (presets/...). Raises
    LiveccError when it cannot be read or is no list.
    """
    file = _file(path)
    try:
        stat = file.stat()
        if not S_ISREG(stat.st_mode) and not S_ISDIR(stat.st_mode):
            raise LiveccError(f"{path}: no regular file; name a text file with one id a line")
        return _read(str(file), stat.st_mtime_ns, stat.st_size)
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise LiveccError(
            f"{path}: cannot be read as a list of ids, one a line ({reason})"
        ) from None


def _file(path: str) -> Path:
    file = expanded(path)
    shipped = REPOSITORY / path
    return shipped if not file.exists() and shipped.is_file() else file


@lru_cache(maxsize=64)
def _read(file: str, changed: int, size: int) -> IdList:  # noqa: ARG001
    ids = set()
    # Some editors begin a file with a byte-order mark.
    with Path(file).open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_MOST_LINE), ""), 1):
            text = line.strip()
            if len(line) == _MOST_LINE:
                raise LiveccError(f"{file}, line {number}: is too long for an id or a comment")
            if not text or text.startswith(_COMMENT):
                continue
            if len(text.split()) > 1 or len(text) > MAX_PATH_BYTES:
                raise LiveccError(
                    f"{file}, line {number}: not one id; a list has one id a line, and comments "
                    "begin with #"
                )
            ids.add(text)
    if not ids:
        raise LiveccError(f"{file}: holds no id; remove it from the configuration")
    digest = hashlib.blake2b("\n".join(sorted(ids)).encode(), digest_size=8).hexdigest()
    return IdList(frozenset(ids), digest)


def located(recorded: str, files: Iterable[str | Path]) -> str | None:
    """A recorded list whose path is gone, with that of the file that holds it.

    A manifest names lists without their folders. `files` may hold it, or a list of this project of
    its name; None if none of them has its ids.
    """
    told = _RECORDED.fullmatch(recorded)
    if told is None:
        return None
    for file in (*files, REPOSITORY / "presets" / Path(told["path"]).name):
        if Path(file).is_file() and read_list(str(file)).digest == told["digest"]:
            return f"{file}#{told['digest']}"
    return None


class _ListedBounds(Section):
    lists: Annotated[list[Text], msgspec.Meta(min_length=1)]


@dataclass(frozen=True)
class NotListed:
    """The id is on none of `lists`, (path, digest) pairs."""

    column: str
    lists: tuple[tuple[str, str], ...]

    Bounds: ClassVar[type[Section]] = _ListedBounds
    column_types: ClassVar[tuple[tuple[str, ...], ...]] = (("string",),)

    @classmethod
    def parse(cls, columns: Sequence[str], bounds: Mapping[str, Any]) -> Self:
        """Raises LiveccError for a list without a digest that cannot be read."""
        pairs = {}
        for told in bounds["lists"]:
            recorded = _RECORDED.fullmatch(told)
            if recorded:
                pairs[recorded["digest"]] = recorded["path"]
            else:
                pairs[read_list(told).digest] = told
        return cls(columns[0], tuple((path, digest) for digest, path in pairs.items()))

    @classmethod
    def problems(cls, path: str, bounds: Mapping[str, Any]) -> Iterator[str]:
        yield from list_problems(f"{path}.lists", bounds["lists"])

    @classmethod
    def union(cls, several: Sequence[Any]) -> NotListed | None:
        # What any of them lets through, all of them together must let through.
        common = set.intersection(*({digest for _, digest in one.lists} for one in several))
        lists = tuple((path, digest) for path, digest in several[0].lists if digest in common)
        return cls(several[0].column, lists) if lists else None

    def failure(self, values: Mapping[str, Any]) -> str | None:
        value = values[self.column]
        if value is None:
            return f"{self.column} is unknown"
        for path, digest in self.lists:
            if value in _current(path, digest):
                return f"{self.column} {value} is in {Path(path).name}"
        return None

    def mask(self, columns: Mapping[str, Any]) -> Any:
        values = columns[self.column]
        inside = values.is_valid().to_numpy(zero_copy_only=False)
        for path, digest in self.lists:
            inside = inside & ~is_in(values, sorted(_current(path, digest)))
        return inside

    @property
    def empty(self) -> bool:
        return False

    def covers(self, other: NotListed) -> bool:
        return {digest for _, digest in self.lists} <= {digest for _, digest in other.lists}

    def to_json(self) -> dict[str, Any]:
        return {"lists": [f"{path}#{digest}" for path, digest in self.lists]}


def _current(path: str, digest: str) -> frozenset[str]:
    """The ids of a recorded list. Raises ChangedListError when the file holds others by now."""
    try:
        found = read_list(path)
    except LiveccError as error:
        raise ChangedListError(str(error)) from None
    if found.digest != digest:
        raise ChangedListError(f"{path}: has changed since the run was planned; run again")
    return found.ids


def list_problems(place: str, lists: Iterable[str]) -> Iterator[str]:
    """Errors of lists in a configuration; `place` names the setting."""
    for told in lists:
        if _RECORDED.fullmatch(told):
            continue
        try:
            read_list(told)
        except LiveccError as error:
            yield f"{place}: {error}"


def without_folders(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded bounds with the names of lists in place of their paths, for what is published."""
    return {"lists": [Path(told).name for told in bounds["lists"]]}
