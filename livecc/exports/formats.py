"""The formats in which a selection goes out, declared; what writes them is imported by jobs alone.

To add a format: a path in `livecc.formats.layout`, a module with its function `write`, and its
`Format` here. Its rule, its manifest, its part of the configuration and what `livecc verify` does
follow from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from livecc.formats.layout import MANIFEST_SUFFIX, Layout
from livecc.formats.splits import TRAIN
from livecc.sections import Section, Text, option

#: (layout, track, selection, splits) -> split -> the path of its file.
Files = Callable[[Layout, str, str, Sequence[str]], dict[str, str]]


@dataclass(frozen=True)
class Format:
    """A format of exports.

    version: raised when the files change. says: what its job does, for the terminal.
    files: the paths of its files; the first one is of "train", and its manifest lies beside it.
    writer: "module:function", called with a `livecc.exports.release.Release`, the files by split
        and the options; returns what the manifest says of each split.
    packages: packages whose versions may show in the files.
    options: the class of its part of the section `exports`; None if there is nothing to choose.
    describes: the formats whose files it describes, where they are on: it is written after them.
    """

    name: str
    version: str
    says: str
    files: Files
    writer: str
    packages: tuple[str, ...]
    options: type[Section] | None = None
    describes: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        return f"export_{self.name}"

    def manifest(self, layout: Layout, track: str, selection: str) -> str:
        return self.files(layout, track, selection, (TRAIN,))[TRAIN] + MANIFEST_SUFFIX


class CardOptions(Section):
    """What the data-set card cannot know."""

    name: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+/[\w.-]+$")] | None,
        option("Its repository on the Hub (owner/name), for the examples of the card."),
    ] = None
    pretty_name: Annotated[
        Text | None, option("Its title; null: made of the track and the selection.")
    ] = None
    license: Annotated[
        str,
        msgspec.Meta(pattern="^[a-z0-9][a-z0-9.-]*$"),
        option("The Hub's identifier of the licence of the data, such as cc-by-4.0."),
    ] = "unknown"


def _of_each_split(path_of: Callable[[Layout, str, str, str], str]) -> Files:
    """One file for each split."""

    def files(layout: Layout, track: str, selection: str, splits: Sequence[str]) -> dict[str, str]:
        return {split: path_of(layout, track, selection, split) for split in splits}

    return files


PARQUET = Format(
    name="parquet",
    version="1",
    says="Writing a table of samples",
    files=_of_each_split(Layout.sample_table),
    writer="livecc.exports.parquet:write",
    packages=("orjson", "pyarrow"),
)
SEEKS = Format(
    name="seeks",
    version="1",
    says="Writing offsets for StreamingVLM",
    files=_of_each_split(Layout.side_seeks),
    writer="livecc.exports.seeks:write",
    packages=(),
)
CARD = Format(
    name="card",
    version="1",
    says="Writing the data-set card",
    files=lambda layout, track, selection, _: {TRAIN: layout.card(track, selection)},
    writer="livecc.exports.card:write",
    packages=("jinja2", "pyarrow"),
    options=CardOptions,
    describes=("parquet", "seeks"),
)
#: In the order in which they are written.
FORMATS: dict[str, Format] = {one.name: one for one in (PARQUET, SEEKS, CARD)}
Name = Literal["parquet", "seeks", "card"]


class Options(Section):
    """The section `exports` of the configuration."""

    formats: Annotated[
        list[Name],
        option("Formats to write: parquet, seeks (for StreamingVLM), card (README.md)."),
    ] = msgspec.field(default_factory=lambda: ["parquet", "card"])
    card: Annotated[CardOptions, option("What the card cannot know.")] = msgspec.field(
        default_factory=CardOptions
    )


def chosen_formats(section: Mapping[str, Any]) -> list[Format]:
    """The formats that a section `exports` asks for, in the order in which they are written."""
    return [one for name, one in FORMATS.items() if name in section["formats"]]


def described(one: Format, section: Mapping[str, Any]) -> list[Format]:
    """The formats whose files a format describes and that are on."""
    return [other for other in chosen_formats(section) if other.name in one.describes]


def options_for(one: Format, section: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a format, from a section `exports`."""
    return dict(section[one.name]) if one.options is not None else {}
