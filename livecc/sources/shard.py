"""Make a shard of input lines of what belongs to it: the videos in folders, and sections of dumps.

All of them are in the order of shards, so they are merged line by line in bounded memory. Of
several videos with one id, that of the first part is taken; facts of a metadata file fill what its
part does not know.
"""

from __future__ import annotations

import gc
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from livecc.files.atomic import open_atomic
from livecc.files.parquet import TableWriter
from livecc.formats.tables import schema
from livecc.sources.options import Part, format_of
from livecc.sources.places import BAD, FACTS, FOLDER, WEAK, sort_key
from livecc.sources.record import ABOUT, Facts, to_line
from livecc.sources.registry import NoVideoError, folder_format
from livecc.sources.scan import folders_of
from livecc.sources.split import read_split

_WRITE_BYTES = 4 * 2**20


def write_shard(
    shard: int,
    worklist: Path | str | None,
    splits: Sequence[Path | str],
    output: Path | str,
    left_out: Path | str | None,
    parts: Sequence[Part],
    mode: str = "default",
) -> dict[str, Any]:
    """Write a shard (`.jsonl`, `.jsonl.gz`, `.jsonl.zst`) and the table of what it leaves out.

    `shard`: its number, from 0. `worklist`: as `Listing.write` wrote it; None without folders.
    `splits`: of all dumps of the source, in the order of the listing. `parts`: the options of all
    parts. `mode` "default" writes the words of captions that tell their times, "paper" the lines.
    Returns counts: `videos` (lines), `problems` (of them, those whose captions cannot be used, by
    reason without names), `left_out` by reason.
    """
    streams: list[Iterable[bytes]] = []
    if worklist is not None:
        streams.append(_lines_of(worklist))
    streams += [read_split(split).lines(shard) for split in splits]
    maker = _Maker(parts, mode)
    counts: Counter[str] = Counter()
    left: Counter[str] = Counter()
    with open_atomic(output) as stream, _table(left_out) as table, _collector_paused():
        ready: list[bytes] = []
        ready_bytes = 0
        for line, rows in maker.videos(heapq.merge(*streams, key=sort_key)):
            for row in rows:
                left[row.pop("kind")] += 1
                if table is not None:
                    table.write(row)
            if line is None:
                continue
            counts["videos"] += 1
            # Nothing else of a line looks like this: in texts, quotes are escaped.
            counts["problems"] += b',"problem":"' in line
            ready.append(line)
            ready_bytes += len(line)
            if ready_bytes > _WRITE_BYTES:
                stream.write(b"\n".join([*ready, b""]))
                ready, ready_bytes = [], 0
        stream.write(b"\n".join([*ready, b""]) if ready else b"")
    return {
        "videos": counts["videos"],
        "problems": counts["problems"],
        "left_out": dict(sorted(left.items())),
    }


def _lines_of(path: Path | str) -> Iterator[bytes]:
    with Path(path).open("rb") as stream:
        yield from stream


@contextmanager
def _table(path: Path | str | None) -> Iterator[TableWriter | None]:
    if path is None:
        yield None
    else:
        with TableWriter(path, schema("left_out")) as table:
            yield table


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Captions hold no cycles, and the collector would traverse them again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Maker:
    """Makes input lines of the merged lines of a shard."""

    def __init__(self, parts: Sequence[Part], mode: str) -> None:
        self._parts = parts
        self._mode = mode
        self._folders = {
            number: folders_of(part.paths) for number, part in enumerate(parts) if part.folder
        }
        self._formats = {number: folder_format(parts[number]) for number in self._folders}

    def videos(
        self, merged: Iterable[bytes]
    ) -> Iterator[tuple[bytes | None, list[dict[str, Any]]]]:
        """(line or None, what is left out) of each video."""
        for _, lines in groupby(merged, lambda line: sort_key(line).rpartition(b"\t")[0]):
            facts: dict[int, Facts] = {}
            taken: tuple[int, bytes, bytes] | None = None
            rows: list[dict[str, Any]] = []
            made: bytes | None = None
            for line in lines:
                _, key, part, kind, payload = line.rstrip(b"\n").split(b"\t", 4)
                name, number = key.decode(), int(part)
                if kind == FACTS:
                    title, category, about = orjson.loads(payload)
                    facts.setdefault(number, Facts()).fill(Facts(title, category, about))
                elif kind == BAD:
                    bad = orjson.loads(payload)
                    rows.append(self._row(number, bad["where"], None, bad["reason"], "bad entry"))
                elif taken is not None and not (taken[1] == WEAK and kind != WEAK):
                    rows.append(
                        self._row(
                            number,
                            self._path(number, kind, payload),
                            name,
                            "the same id comes before it in this part"
                            if number == taken[0]
                            else f"the same id is in part {taken[0] + 1}, which comes first",
                            "the same id again",
                        )
                    )
                elif kind == FOLDER:
                    entry = orjson.loads(payload)
                    try:
                        video = self._formats[number].read_video(
                            entry, self._folders[number], self._parts[number], self._mode
                        )
                    except NoVideoError as error:
                        path = self._path(number, kind, payload)
                        rows.append(self._row(number, path, name, str(error), "no video"))
                        continue
                    if number in facts:
                        video.facts.fill(facts.pop(number))
                    made = to_line(video, format_of(self._parts[number]))
                    taken = number, kind, payload
                else:
                    made = payload
                    taken = number, kind, payload
            if taken is not None and taken[0] in facts:
                assert made is not None
                made = _filled(made, facts.pop(taken[0]))
            for number in facts:
                if taken is None or taken[0] != number:
                    reason = "facts of a video that its part does not hold"
                    rows.append(self._row(number, "", name, reason, reason))
            yield made, rows

    def _path(self, number: int, kind: bytes, payload: bytes) -> str:
        if kind != FOLDER:
            return ""
        entry = orjson.loads(payload)
        return str(self._folders[number][entry["root"]] / entry["folder"] / entry["stem"])

    def _row(
        self, number: int, path: str, name: str | None, reason: str, kind: str
    ) -> dict[str, Any]:
        source = format_of(self._parts[number])
        return {"source": source, "path": path, "id": name, "reason": reason, "kind": kind}


def _filled(line: bytes, facts: Facts) -> bytes:
    """An input line with facts that it does not have."""
    value = orjson.loads(line)
    about = value.get("about")
    own = Facts(
        value.get("title") or "",
        value.get("category") or "",
        dict(about) if isinstance(about, dict) else {},
    )
    own.fill(facts)
    value["title"], value["category"] = own.title, own.category
    value["about"] = {**dict.fromkeys(ABOUT), **own.about}
    return orjson.dumps(value)
