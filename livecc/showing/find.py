"""Which clip or video of some results a name means."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files.parquet import read_table
from livecc.formats.layout import ShardFiles
from livecc.selecting.what_if.answer import Question

#: Similar names that are offered, and among how many they are looked for.
_OFFERED = 3
_COMPARED = 2_000
#: A name shares at least so many first characters with one that is similar.
_PREFIX = 3


@dataclass(frozen=True)
class Found:
    """A clip or a video of a track. `clip`: its id, None for a video. `rows`: of the table of
    clips of its shard, those of the clip or of the video."""

    question: Question
    shard: str
    video: str
    clip: str | None
    rows: tuple[int, ...]

    @property
    def files(self) -> ShardFiles:
        return self.question.files(self.shard)


def find(name: str, questions: Sequence[Question]) -> Found:
    """The clip with this id or else the video with this path, in the first track that has it.

    Raises LiveccError with similar names when there is none, and when nothing was made yet.
    """
    videos: list[Found] = []
    made = False
    for question in questions:
        for shard, clips in _clip_tables(question):
            made = True
            ids = clips["clip"].to_pylist() if name in clips["clip"].to_pylist() else []
            if ids:
                row = ids.index(name)
                return Found(question, shard, clips["video"][row].as_py(), name, (row,))
            rows = _rows_of(clips["video"], name)
            if rows or _has_line(question.files(shard), name):
                videos.append(Found(question, shard, name, None, rows))
    if videos:
        return max(videos, key=lambda found: len(found.rows))
    if not made:
        first = questions[0]
        raise LiveccError(
            f"{first.layout.results}/{first.track}: no clips were made yet; run the workflow first"
        )
    offered = _similar(name, questions)
    near = f"; similar ones: {', '.join(map(repr, offered))}" if offered else ""
    raise LiveccError(
        f"no clip or video {name!r} in {questions[0].layout.results}{near} (ids are in the column "
        "clip of the tables clips and decisions)"
    )


def _clip_tables(question: Question) -> Iterator[tuple[str, Any]]:
    for shard in question.shards:
        path = Path(question.files(shard).clips)
        if path.is_file():
            yield shard, read_table(path, ["clip", "video"])


def _rows_of(column: Any, value: str) -> tuple[int, ...]:
    import pyarrow.compute as pc

    places = pc.indices_nonzero(pc.equal(column, value))
    return tuple(places.to_pylist())


def _has_line(files: ShardFiles, video: str) -> bool:
    return any(row["video"] == video for row in lines_of(files, video))


def lines_of(files: ShardFiles, video: str) -> list[dict[str, Any]]:
    """The input lines that name a video: rows of the table of videos, or of records."""
    for path in (Path(files.videos), Path(files.records)):
        if path.is_file():
            table = read_table(path, ["line", "video", "status", "reason"])
            rows = _rows_of(table["video"], video)
            if rows:
                found: list[dict[str, Any]] = table.take(list(rows)).to_pylist()
                return found
    return []


def _similar(name: str, questions: Sequence[Question]) -> list[str]:
    """Names of clips and videos that are most like a name.

    Comparing all would take minutes for a million clips, so only those that begin alike are; if
    there are none, the first ones.
    """
    alike: dict[str, None] = {}
    others: dict[str, None] = {}
    of_clips = "#" in name
    for question in questions:
        for _, clips in _clip_tables(question):
            for one in clips["clip" if of_clips else "video"].to_pylist():
                if one[:_PREFIX].casefold() == name[:_PREFIX].casefold():
                    if len(alike) < _COMPARED or one.partition("#")[0] == name.partition("#")[0]:
                        alike[one] = None
                elif len(others) < _COMPARED:
                    others[one] = None
    same_video = [one for one in alike if one.partition("#")[0] == name.partition("#")[0]]
    known = same_video or list(alike) or list(others)
    return difflib.get_close_matches(name, known, n=_OFFERED, cutoff=0.4)
