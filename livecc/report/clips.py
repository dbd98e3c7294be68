"""The clips of a track with their scores, as the columns of a page.

Shards are read one after the other; of each only what a page needs is held: about 60 bytes a clip.
Of more clips than a page should have, an even sample is taken: every k-th in the order of shards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from livecc.declaration import rules_of
from livecc.files.lines import read_jsonl
from livecc.files.parquet import count_rows
from livecc.report.kinds import RuleValues, packed
from livecc.report.packing import pack_codes, pack_numbers
from livecc.report.run import ReportedRun, ReportedTrack
from livecc.scores.columns import ScoreColumns, inside_gate, read_columns
from livecc.thresholds.kinds import Rule
from livecc.thresholds.sets import as_written, parse_rules

#: Clips of a page, all tracks together; of more, a sample is taken.
MOST_CLIPS = 1_000_000
#: Categories that a page names.
_MOST_CATEGORIES = 60
# What a clip has of a stage's score.
SCORED, FAILED, TO_SCORE, OUTSIDE, ABSENT = range(5)
_MORE = ("clip", "start", "end", "video_end")
#: The key of a selection that keeps only its best clips: `keep` of them `by` a column, `per` label.
TOP = "top"
# Quotes within a title are escaped, so this begins the words.
_HEAD_END = re.compile(rb',"(?:unspaced|words|status)":')


@dataclass(frozen=True)
class TrackClips:
    """The n clips of a page, of `total` clips in the shards that are scored.

    columns: as those of one shard, without reasons. states: stage -> n codes, of those above.
    seconds: n lengths. videos: n numbers of the clips' videos, in order. categories: names, and n
    numbers among them, 0 for no category. shards: names; `places`: n (shard, row) numbers [n, 2].
    missing: the shards that are not scored yet.
    """

    track: ReportedTrack
    columns: ScoreColumns
    states: dict[str, Any]
    seconds: Any
    videos: Any
    category_names: list[str]
    categories: Any
    shards: list[str]
    places: Any
    total: int
    missing: list[str]

    @property
    def rules(self) -> dict[str, Rule]:
        return rules_of(self.track.stages)

    def __len__(self) -> int:
        return len(self.seconds)


def read_clips(run: ReportedRun, track: ReportedTrack, most: int = MOST_CLIPS) -> TrackClips:
    """The clips of a track, at most `most` of them.

    Raises LiveccError when a table cannot be read.
    """
    import numpy as np
    import pyarrow

    shards, missing, counts = _scored_shards(run, track)
    total = sum(counts)
    parts: list[_Part] = []
    begin = videos = 0
    for number, (shard, count) in enumerate(zip(shards, counts, strict=True)):
        rows = _sampled(begin, begin + count, total, most)
        part = _read_part(run, track, shard, number, rows, videos)
        begin += count
        videos = part.next_video
        parts.append(part)
    if not parts:
        parts = [_empty_part(track)]
    columns = {
        name: pyarrow.chunked_array([part.values[name] for part in parts]).combine_chunks()
        for name in parts[0].values
    }
    names, codes = _joined_categories(parts)
    scored = {
        rule.name: np.concatenate([part.states[stage.name] for part in parts]) == SCORED
        for stage in track.stages
        for rule in stage.rules
    }
    table = pyarrow.table({"status": columns.pop("status"), **_plain(columns, _MORE)})
    return TrackClips(
        track=track,
        columns=ScoreColumns(rules_of(track.stages), table, columns, scored, {}, {}),
        states={
            stage.name: np.concatenate([part.states[stage.name] for part in parts])
            for stage in track.stages
        },
        seconds=np.concatenate([part.seconds for part in parts]),
        videos=np.concatenate([part.videos for part in parts]),
        category_names=names,
        categories=codes,
        shards=shards,
        places=np.concatenate([part.places for part in parts]),
        total=total,
        missing=missing,
    )


def _plain(columns: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: columns[name] for name in names if name in columns}


def _scored_shards(
    run: ReportedRun, track: ReportedTrack
) -> tuple[list[str], list[str], list[int]]:
    """(shards with all their tables, the others, clips of the first)."""
    scored, missing, counts = [], [], []
    for name in run.shards(track):
        files = run.layout.shard(track.name, name)
        tables = [files.clips, *(files.scores(stage.name) for stage in track.stages)]
        if all(Path(table).is_file() for table in tables):
            scored.append(name)
            counts.append(count_rows(files.clips, own=True))
        else:
            missing.append(name)
    return scored, missing, counts


def _sampled(begin: int, end: int, total: int, most: int) -> Any:
    """Which rows of a shard, whose clips are [begin, end) of all, are among `most` of `total`."""
    import numpy as np

    numbers = np.arange(begin, end, dtype=np.int64)
    if total <= most:
        return numbers - begin
    chosen = (numbers + 1) * most // total > numbers * most // total
    return numbers[chosen] - begin


@dataclass(frozen=True)
class _Part:
    """The sampled clips of a shard."""

    values: dict[str, Any]
    states: dict[str, Any]
    seconds: Any
    videos: Any
    categories: list[str]
    category: Any
    places: Any
    next_video: int


def _read_part(
    run: ReportedRun, track: ReportedTrack, shard: str, number: int, rows: Any, first_video: int
) -> _Part:
    import numpy as np
    import pyarrow
    import pyarrow.compute as pc

    files = run.layout.shard(track.name, shard)
    scores = {stage: Path(files.scores(stage.name)) for stage in track.stages}
    ranking = _ranking(track)
    columns = read_columns(Path(files.clips), scores, track.gates, (*_MORE, *ranking))
    chosen = pyarrow.array(rows)
    table = columns.clips.take(chosen)
    videos = table["video"].combine_chunks().dictionary_encode()
    known = dict(_categories(Path(files.transcripts)))
    names = list(dict.fromkeys(known.values()))
    codes = {name: code for code, name in enumerate(names)}
    of_video = np.array(
        [codes.get(known.get(video, ""), -1) for video in videos.dictionary.to_pylist()], np.int32
    )
    order = videos.indices.to_numpy(zero_copy_only=False)
    values = {name: _one_array(values.take(chosen)) for name, values in columns.values.items()}
    values["status"] = _one_array(table["status"])
    for name in (*_MORE, *(name for name in ranking if name in table.column_names)):
        values.setdefault(name, _one_array(table[name]))
    return _Part(
        values=values,
        states={stage.name: _states(track, stage, columns)[rows] for stage in track.stages},
        seconds=pc.subtract(table["end"], table["start"]).to_numpy(),
        videos=order + first_video,
        categories=names,
        category=of_video[order] if len(of_video) else np.zeros(0, np.int32),
        places=np.stack([np.full(len(rows), number), rows], axis=1).astype(np.int32),
        next_video=first_video + len(videos.dictionary),
    )


def _ranking(track: ReportedTrack) -> list[str]:
    """The columns by which selections rank and group clips."""
    tops = [selection.get(TOP) or {} for selection in track.selections.values()]
    return list(
        dict.fromkeys(name for top in tops for name in (top.get("by"), top.get("per")) if name)
    )


def _one_array(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column


def _empty_part(track: ReportedTrack) -> _Part:
    import numpy as np
    import pyarrow

    from livecc.declaration import rule_columns_of
    from livecc.formats.tables import arrow_schema

    fields = rule_columns_of(track.stages) | {"status": "string"}
    fields |= dict.fromkeys((*_MORE, *_ranking(track)), "float64") | {"clip": "string"}
    values = {one.name: pyarrow.array([], one.type) for one in arrow_schema(fields)}
    none = np.zeros(0, np.int32)
    states = {stage.name: none for stage in track.stages}
    return _Part(values, states, np.zeros(0), none, [], none, np.zeros((0, 2), np.int32), 0)


def _states(track: ReportedTrack, stage: Any, columns: ScoreColumns) -> Any:
    """What each clip has of a stage's score; the gates are those of the configuration.

    An `auto` gate lets in every clip that no earlier rule drops, so a clip without a score that
    gets so far would be scored by the next run. An explicit gate keeps what it keeps out.
    """
    import numpy as np

    name = stage.rules[0].name if stage.rules else None
    if name is None:
        return np.zeros(len(columns.ok), np.uint8)
    states = np.where(columns.scored[name], SCORED, FAILED).astype(np.uint8)
    unreached = ~columns.reached[name]
    states[unreached] = TO_SCORE if stage.absent is None else ABSENT
    if stage.absent is None and stage.name in track.gates:
        states[unreached & ~inside_gate(columns, track.gates[stage.name])] = OUTSIDE
    return states


def _categories(transcripts: Path) -> Iterator[tuple[str, str]]:
    """(video, category) of each transcript; of its line only the beginning is parsed."""
    found: list[tuple[str, str]] = []

    def head(line: bytes) -> bool:
        end = _HEAD_END.search(line)
        if end:
            record = orjson.loads(line[: end.start()] + b"}")
            found.append((record.get("video", ""), record.get("category") or ""))
        return False

    for _ in read_jsonl(transcripts, head):
        pass
    return iter(found)


def _joined_categories(parts: list[_Part]) -> tuple[list[str], Any]:
    """(names, the most common first; n numbers: 0 for none, else 1 + the name's)."""
    import numpy as np

    counts: dict[str, int] = {}
    for part in parts:
        numbers = np.bincount(part.category + 1, minlength=len(part.categories) + 1)[1:]
        for name, count in zip(part.categories, numbers.tolist(), strict=True):
            counts[name] = counts.get(name, 0) + count
    names = [name for name in sorted(counts, key=lambda n: (-counts[n], n)) if name]
    names = names[:_MOST_CATEGORIES]
    place = {name: number for number, name in enumerate(names, 1)}
    codes = []
    for part in parts:
        table = np.array([0, *(place.get(name, 0) for name in part.categories)], np.int32)
        codes.append(table[part.category + 1])
    return names, np.concatenate(codes)


def page_columns(clips: TrackClips) -> dict[str, Any]:
    """The track in the form of the page (`page/columns.js`, `page/decide.js`)."""
    import numpy as np

    rules = clips.rules
    thresholds = {
        name: parse_rules(selection, rules) for name, selection in clips.track.selections.items()
    }
    stage_of = {rule.name: stage for stage in clips.track.stages for rule in stage.rules}
    told = []
    for name, rule in rules.items():
        stage = stage_of.get(name)
        values = RuleValues(
            rule,
            {column: clips.columns.values[column] for column in rule.columns},
            {key: parsed[name] for key, parsed in thresholds.items() if name in parsed},
        )
        told.append(
            {
                "name": name,
                "says": rule.says,
                "stage": stage.name if stage else None,
                "of_score": rule.of_score,
                "may_keep_unscored": rule.may_keep_unscored,
                **packed(values),
            }
        )
    steps = np.diff(clips.videos, prepend=0) if len(clips) else clips.videos
    return {
        "name": clips.track.name,
        "clips": len(clips),
        "total": clips.total,
        "missing_shards": clips.missing,
        "ok": pack_codes(clips.columns.ok.astype(np.uint8)),
        "seconds": pack_numbers(clips.seconds),
        # Most clips follow another one of their video: small numbers compress well.
        "video_steps": pack_codes(steps),
        "categories": clips.category_names,
        "category": pack_codes(clips.categories),
        "states": {name: pack_codes(codes) for name, codes in clips.states.items()},
        "rules": told,
        **_page_ranking(clips),
        "selections": {
            name: as_written(_without_null(selection), rules)
            for name, selection in clips.track.selections.items()
        },
    }


def _page_ranking(clips: TrackClips) -> dict[str, Any]:
    """What ranks clips, for selections with `top`: values, groups, and the order of their ids."""
    import numpy as np

    tops = [selection.get(TOP) or {} for selection in clips.track.selections.values()]
    by = {top["by"] for top in tops if "by" in top}
    if not by:
        return {}
    values = clips.columns.values
    ids = np.array(values["clip"].to_pylist(), object)
    # A clip that is in two shards has one place.
    _, order = np.unique(ids, return_inverse=True)
    return {
        "ranks": {
            "order": pack_codes(order),
            "by": {
                name: pack_numbers(
                    values[name].cast("float64").to_numpy(zero_copy_only=False), exact=True
                )
                for name in sorted(by)
            },
            "per": {
                name: pack_codes(np.unique(_texts(values[name]), return_inverse=True)[1])
                for name in sorted({top["per"] for top in tops if top.get("per")})
            },
        }
    }


def _texts(column: Any) -> Any:
    import numpy as np

    return np.array([text or "" for text in column.to_pylist()], object)


def _without_null(selection: Any) -> dict[str, Any]:
    return {name: bounds for name, bounds in selection.items() if bounds is not None}
