"""The formats by name, and what each gives; their modules are imported when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from livecc.sources.options import PARTS, Part
from livecc.sources.record import Facts, Video


class FolderFormat(Protocol):
    """The module of a format whose files hold one video each, or a part of one."""

    def read_video(
        self, entry: Mapping[str, Any], folders: Sequence[Path], part: Any, mode: str
    ) -> Video:
        """Read the files of one video, as `listing` lists it.

        A file that cannot be used makes the `problem` of the video. Raises NoVideoError if the
        files are of none.
        """
        ...


@dataclass(frozen=True)
class Bad:
    """An entry of a dump that is of no video; `where` in its file, such as "line 3"."""

    where: str
    reason: str


@dataclass(frozen=True)
class FactsOf:
    """An entry of a dump that tells of a video, but is none."""

    id: str
    facts: Facts


@dataclass(frozen=True)
class WeakVideo:
    """A video of which nothing is said: it gives way to that of a later part."""

    video: Video


@dataclass(frozen=True)
class Line:
    """An input line as it is, with its id."""

    id: str
    line: bytes


Entry = Video | WeakVideo | Line | FactsOf | Bad


class DumpFormat(Protocol):
    """The module of a format whose files hold many videos."""

    #: Of its files, where a folder is given.
    SUFFIXES: tuple[str, ...]

    def read_dump(self, path: Path, part: Any) -> Iterator[Entry]:
        """The entries of a file, in order. Raises LiveccError if it cannot be read at all."""
        ...


class NoVideoError(ValueError):
    """Files that are of no video; the message is the reason to leave them out."""


def load(name: str) -> Any:
    """The module of a format: a FolderFormat or a DumpFormat."""
    assert name in PARTS
    return importlib.import_module(f"livecc.sources.formats.{name}")


def dump_format(part: Part) -> DumpFormat:
    """The module of a part of dumps."""
    return cast(DumpFormat, load(str(part.__struct_config__.tag)))


def folder_format(part: Part) -> FolderFormat:
    """The module of a part of folders."""
    return cast(FolderFormat, load(str(part.__struct_config__.tag)))
