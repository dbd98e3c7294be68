"""The clips that a page shows with their words: which, and everything that it says of them.

Chosen are kept clips, dropped ones of each rule, and those nearest to each threshold on both sides,
taken in turn, so that any beginning of the list has some of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livecc.report.clips import TrackClips
from livecc.report.run import ReportedRun, ReportedTrack
from livecc.scores.columns import read_columns
from livecc.scores.tables import CLIP, transcripts_with_clips
from livecc.selecting.decisions import Decisions, decide
from livecc.thresholds.kinds import Band, InsideVideo, Language, Threshold
from livecc.thresholds.sets import lenience, parse_rules

#: Characters of what was said before a clip that a page has; the trainer gets all of them.
SHOWN_PREVIOUS = 1_500
#: Characters of a title or a reason that a page has.
_SHOWN_TEXT = 500
#: Words of a clip that a page has: more than 240 seconds hold.
_MOST_WORDS = 3_000
_HUNDREDTH = 100


def choose(clips: TrackClips, count: int) -> list[int]:
    """The numbers of at most `count` clips to show, in the order of their importance."""
    if len(clips) <= count:
        return _interleaved(_groups(clips, len(clips)), len(clips), range(len(clips)))
    return _interleaved(_groups(clips, count), count)


def _groups(clips: TrackClips, count: int) -> list[list[int]]:
    """Groups of clips, the first of each group first."""
    import numpy as np

    groups: list[list[int]] = []
    for selection in clips.track.selections.values():
        thresholds = parse_rules(selection, clips.rules)
        decided = decide(clips.columns, thresholds, *lenience(selection))
        groups.append(_spread(np.flatnonzero(decided.kept), count))
        for name, threshold in thresholds.items():
            number = decided.rules.index(name)
            dropped = (decided.dropped_by == number) & ~decided.unscored
            groups.append(_spread(np.flatnonzero(dropped), count))
            groups += _nearest(clips, decided, name, threshold, count)
            unscored = (decided.dropped_by == number) & decided.unscored
            groups.append(_spread(np.flatnonzero(unscored), count))
        groups.append(_spread(np.flatnonzero(decided.dropped_by == 0), count))
    return [group for group in groups if group]


def _spread(numbers: Any, count: int) -> list[int]:
    """At most `count` of some numbers, each beginning of which is spread evenly over them."""
    import numpy as np

    if not len(numbers):
        return []
    # Golden-ratio steps: any first few lie far apart.
    order = np.argsort((np.arange(len(numbers)) * 0.6180339887498949) % 1.0, kind="stable")
    return [int(number) for number in numbers[order[:count]]]


def _nearest(
    clips: TrackClips, decided: Decisions, name: str, threshold: Threshold, count: int
) -> Iterator[list[int]]:
    """The clips nearest to each numeric bound, from inside and outside in turn."""
    import numpy as np

    reaches = decided.reaches(name) & clips.columns.ok
    for values, bound in _bounds(clips, threshold):
        distance = np.where(reaches & np.isfinite(values), np.abs(values - bound), np.inf)
        inside = threshold.mask(clips.columns.values)
        sides = []
        for side in (inside, ~inside):
            far = np.where(side, distance, np.inf)
            few = np.argsort(far, kind="stable")[: max(count // 8, 2)]
            sides.append([int(number) for number in few if np.isfinite(far[number])])
        yield [one for pair in itertools.zip_longest(*sides) for one in pair if one is not None]


def _bounds(clips: TrackClips, threshold: Threshold) -> Iterator[tuple[Any, float]]:
    """(values, bound) of each number that a threshold compares."""
    values = clips.columns.values

    def numbers(name: str) -> Any:
        return values[name].cast("float64").to_numpy(zero_copy_only=False)

    if isinstance(threshold, Band):
        for bound in (threshold.min, threshold.max, threshold.below):
            if bound is not None:
                yield numbers(threshold.column), bound
    elif isinstance(threshold, Language):
        yield numbers(threshold.confidence_column), threshold.min_confidence
    elif isinstance(threshold, InsideVideo):
        beyond = numbers(threshold.end_column) - numbers(threshold.seconds_column)
        yield beyond, threshold.max_seconds_beyond


def _interleaved(
    groups: Sequence[Sequence[int]], count: int, rest: Sequence[int] = ()
) -> list[int]:
    """The first of each group, then the second of each, and so on: at most `count`, each once."""
    chosen: dict[int, None] = {}
    for turn in itertools.zip_longest(*groups):
        for number in turn:
            if number is not None and len(chosen) < count:
                chosen.setdefault(number)
        if len(chosen) >= count:
            break
    for number in rest:
        chosen.setdefault(number)
    return list(chosen)[:count]


def describe(run: ReportedRun, clips: TrackClips, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """What the page says of the clips with these numbers, in the order of `numbers`."""
    by_shard: dict[int, dict[int, int]] = {}
    for number in numbers:
        shard, row = clips.places[number].tolist()
        by_shard.setdefault(shard, {})[row] = number
    told: dict[int, dict[str, Any]] = {}
    for shard, rows in sorted(by_shard.items()):
        name = clips.shards[shard]
        for row, one in shard_cards(run, clips.track, name, sorted(rows)).items():
            told[rows[row]] = {"n": rows[row], **one}
    return [told[number] for number in numbers if number in told]


def shard_cards(
    run: ReportedRun, track: ReportedTrack, shard: str, rows: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """What a page says of the clips in some rows of a shard's table; `rows` are sorted."""
    files = run.layout.shard(track.name, shard)
    scores = {stage: Path(files.scores(stage.name)) for stage in track.stages}
    columns = read_columns(Path(files.clips), scores, track.gates, (*CLIP, "reason", "query"))
    chosen = columns.clips.take(rows).to_pylist()
    values = {name: column.take(rows).to_pylist() for name, column in columns.values.items()}
    # Where a file ends says nothing of its clip; the rule does.
    shown = {
        name
        for rule in columns.rules.values()
        if rule.kind is not InsideVideo
        for name in rule.columns
    }
    reasons = {name: column.take(rows).to_pylist() for name, column in columns.reasons.items()}
    lines = _lines(Path(files.videos))
    texts = _texts(Path(files.transcripts), chosen)
    cards = {}
    for place, (row, clip) in enumerate(zip(rows, chosen, strict=True)):
        query = values["query"][place] if "query" in values else None
        cards[row] = {
            "id": clip["clip"],
            "video": clip["video"],
            "shard": shard,
            "line": lines.get(clip["video"]),
            **{name: clip[name] for name in ("start", "end", "video_start", "video_end")},
            "reason": _short(clip["reason"]),
            "scores": {
                name: column[place]
                for name, column in values.items()
                if name in shown and column[place] is not None
            },
            "no_score": {
                name: _short(column[place]) for name, column in reasons.items() if column[place]
            },
            "query": _short(query, 2_000),
            **texts.get(clip["clip"], _NO_TEXT),
        }
    return cards


_NO_TEXT: dict[str, Any] = {
    "title": "",
    "category": "",
    "previous": "",
    "previous_words": 0,
    "words": [],
    "from": [],
    "to": [],
}


def _short(text: str | None, most: int = _SHOWN_TEXT) -> str:
    text = text or ""
    return text if len(text) <= most else text[: most - 1] + "…"


def _lines(videos: Path) -> Mapping[str, int]:
    """Video -> the line of the input that it came from."""
    from livecc.files.parquet import read_table

    if not videos.is_file():
        return {}
    table = read_table(videos, ["line", "video"])
    return dict(zip(table["video"].to_pylist(), table["line"].to_pylist(), strict=True))


def _texts(transcripts: Path, clips: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Clip -> its title, category, words with their times (hundredths of a second), and what was
    said before."""
    usable = (clip for clip in clips if clip["last_word"] > clip["first_word"])
    found = {}
    for transcript, group in transcripts_with_clips(transcripts, usable):
        for clip in group:
            last = min(clip.last_word, clip.first_word + _MOST_WORDS)
            before = transcript.text(max(0, clip.first_word - 400), clip.first_word)
            found[clip.id] = {
                "title": _short(transcript.title),
                "category": _short(transcript.category),
                "previous": before[-SHOWN_PREVIOUS:],
                "previous_words": clip.first_word,
                "words": list(transcript.words[clip.first_word : last]),
                "from": _hundredths(transcript.start[clip.first_word : last]),
                "to": _hundredths(transcript.end[clip.first_word : last]),
                **({"unspaced": True} if transcript.unspaced else {}),
            }
    return found


def _hundredths(seconds: Sequence[float]) -> list[int]:
    return [round(one * _HUNDREDTH) for one in seconds]
