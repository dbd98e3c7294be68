"""The effect of changed thresholds, computed from stored scores.

Clips are decided as in `select_samples`, with the thresholds in question and with the baseline.
Only the tables of a few shards are in memory at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from livecc.declaration import TableStage
from livecc.errors import LiveccError
from livecc.files.parquet import read_table
from livecc.formats.layout import Layout, ShardFiles
from livecc.scores.columns import ScoreColumns, inside_gate, read_columns, rows_of
from livecc.scores.tables import CLIP, transcripts_with_clips
from livecc.selecting.decisions import UNSCORED, decide, reasons
from livecc.selecting.top import Cut, cut_of, ranked_tables
from livecc.thresholds.sets import lenience, parse_rules
from livecc.thresholds.top import Top

ENTERS, LEAVES = "enters", "leaves"


@dataclass(frozen=True)
class Question:
    """A what-if question about the clips of some shards.

    `stages` are the scoring stages of the track, in order; `gates` are their gates if `thresholds`
    were configured, and `explicit_gates` are those of `read_columns`. `before` is the baseline;
    None: the decisions of the last run of `selection`.
    """

    layout: Layout
    track: str
    selection: str
    shards: Sequence[str]
    stages: Sequence[TableStage]
    gates: Mapping[str, Mapping[str, Any]]
    explicit_gates: Mapping[str, Mapping[str, Any]]
    thresholds: Mapping[str, Any]
    before: Mapping[str, Any] | None

    def files(self, shard: str) -> ShardFiles:
        return self.layout.shard(self.track, shard)

    def columns(self, shard: str, *more: str) -> ScoreColumns:
        files = self.files(shard)
        scores = {stage: Path(files.scores(stage.name)) for stage in self.stages}
        return read_columns(Path(files.clips), scores, self.explicit_gates, more)

    @cached_property
    def cut(self) -> Cut | None:
        """Where the best clips end with `thresholds`; None for those without `top`."""
        return self._cut(self.thresholds)

    @cached_property
    def cut_before(self) -> Cut | None:
        """The same for `before`."""
        return None if self.before is None else self._cut(self.before)

    @property
    def ranked_by(self) -> tuple[str, ...]:
        """The columns that `cut` and `cut_before` need."""
        return tuple(name for cut in (self.cut, self.cut_before) if cut for name in cut.top.columns)

    def _cut(self, thresholds: Mapping[str, Any]) -> Cut | None:
        top = Top.of(thresholds)
        if top is None:
            return None
        shards = [self.files(shard) for shard in self.shards if self.is_scored(shard)]

        def tables() -> Iterator[Any]:
            return ranked_tables(thresholds, self.explicit_gates, self.stages, shards)

        return cut_of(top, tables(), tables())

    def is_scored(self, shard: str) -> bool:
        """Whether all tables of a shard exist."""
        files = self.files(shard)
        tables = [files.clips, *(files.scores(stage.name) for stage in self.stages)]
        return all(Path(table).is_file() for table in tables)


@dataclass
class Kept:
    """What one set of thresholds keeps (clips, videos, seconds) and drops, by rule.

    `unscored` counts those of `dropped` for which the rule has no score.
    """

    clips: int = 0
    videos: int = 0
    seconds: float = 0.0
    dropped: Counter[str] = field(default_factory=Counter)
    unscored: Counter[str] = field(default_factory=Counter)


@dataclass
class Answer:
    """The result over all clips; lengths in seconds.

    `changed` maps a shard to the clips that enter and that leave, as row numbers of its table.
    `to_score` counts by stage the clips without a score that a run would score for these
    thresholds; `failed` those whose scoring failed; `outside` those outside the stage's gate;
    `absent` those missing from an external score's table. All four count only clips that no
    earlier rule drops, and stages that a rule uses.
    """

    clips: int = 0
    seconds: float = 0.0
    after: Kept = field(default_factory=Kept)
    before: Kept = field(default_factory=Kept)
    to_score: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    changed: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    #: Shards not scored yet, excluded from all other figures.
    missing: list[str] = field(default_factory=list)

    def count(self, change: str) -> int:
        """The clips that enter, or that leave."""
        return sum(len(numbers[change]) for numbers in self.changed.values())


@dataclass(frozen=True)
class _Outcome:
    """Decisions of one set of thresholds on a shard's clips, as arrays over the clips."""

    kept: Any
    dropped: Mapping[str, int]
    unscored: Mapping[str, int]


def answer(question: Question, threads: int) -> Answer:
    """The answer over all shards, `threads` of which are processed at a time.

    Raises LiveccError when a table is broken or the baseline is missing.
    """
    total = Answer()
    # Once, before threads ask for them.
    _ = question.ranked_by
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(partial(_shard_answer, question), question.shards):
            _add(total, part)
    return total


def _add(total: Any, part: Any) -> None:
    """Add numbers, lists and counters, field by field."""
    for name, value in vars(part).items():
        if isinstance(value, Kept):
            _add(getattr(total, name), value)
        elif isinstance(value, dict):
            getattr(total, name).update(value)  # a Counter adds
        else:
            setattr(total, name, getattr(total, name) + value)


def _shard_answer(question: Question, shard: str) -> Answer:
    if not question.is_scored(shard):
        return Answer(missing=[shard])
    columns = question.columns(shard, "start", "end", *question.ranked_by)
    rules = parse_rules(question.thresholds, columns.rules)
    decided = decide(columns, rules, *lenience(question.thresholds), question.cut)
    after = _Outcome(decided.kept, decided.dropped(), decided.dropped(unscored=True))
    before = _before(question, shard, columns)
    seconds = columns.clips["end"].to_numpy() - columns.clips["start"].to_numpy()
    enters, leaves = after.kept & ~before.kept, before.kept & ~after.kept
    part = Answer(
        clips=len(seconds),
        seconds=float(seconds.sum()),
        after=_kept(columns, seconds, after),
        before=_kept(columns, seconds, before),
        changed={
            shard: {ENTERS: enters.nonzero()[0].tolist(), LEAVES: leaves.nonzero()[0].tolist()}
        },
    )
    for stage in question.stages:
        used = [rule.name for rule in stage.rules if rule.name in rules]
        if not used:
            continue
        # Its rules share their rows: a clip waits once, at the first of them.
        waiting = decided.reaches(used[0]) & ~columns.scored[used[0]]
        absent = waiting & ~columns.reached[used[0]]
        part.failed[stage.name] += int((waiting & columns.reached[used[0]]).sum())
        if stage.absent is not None:
            part.absent[stage.name] += int(absent.sum())
            continue
        inside = absent & inside_gate(columns, question.gates.get(stage.name, {}))
        part.to_score[stage.name] += int(inside.sum())
        part.outside[stage.name] += int((absent & ~inside).sum())
    return part


def _kept(columns: ScoreColumns, seconds: Any, outcome: _Outcome) -> Kept:
    import pyarrow

    videos = columns.clips["video"].filter(pyarrow.array(outcome.kept)).unique()
    return Kept(
        clips=int(outcome.kept.sum()),
        videos=len(videos),
        seconds=float(seconds[outcome.kept].sum()),
        dropped=Counter(outcome.dropped),
        unscored=Counter(outcome.unscored),
    )


def _before(question: Question, shard: str, columns: ScoreColumns) -> _Outcome:
    if question.before is not None:
        rules = parse_rules(question.before, columns.rules)
        decided = decide(columns, rules, *lenience(question.before), question.cut_before)
        return _Outcome(decided.kept, decided.dropped(), decided.dropped(unscored=True))
    rows = _last_decisions(question, shard, columns)
    dropped: Counter[str] = Counter()
    unscored: Counter[str] = Counter()
    for rule, why in zip(rows["rule"].to_pylist(), rows["why"].to_pylist(), strict=True):
        if rule is not None:
            dropped[rule] += 1
            unscored[rule] += (why or "").startswith(UNSCORED)
    return _Outcome(rows["kept"].fill_null(False).to_numpy(), dropped, +unscored)


def _last_decisions(question: Question, shard: str, columns: ScoreColumns) -> Any:
    """The last run's decisions on the clips; nulls for clips it did not have."""
    path = Path(question.files(shard).decisions(question.selection))
    if not path.is_file():
        raise LiveccError(
            f"{path}: no such file: there are no decisions of a last run to compare with; name a "
            "selection (--against NAME) or a change (--set)"
        )
    return rows_of(columns.clips["clip"], read_table(path, ["clip", "kept", "rule", "why"]))


# --- the clips that enter and leave --------------------------------------------------------------


def spread(found: Answer, change: str, count: int) -> dict[str, dict[str, list[int]]]:
    """At most `count` of the clips that enter or leave, evenly spaced; same form as `changed`."""
    places = [(shard, n) for shard, numbers in found.changed.items() for n in numbers[change]]
    step = max(1.0, len(places) / max(count, 1))
    chosen: dict[str, dict[str, list[int]]] = {}
    for index in range(min(count, len(places))):
        shard, n = places[int(index * step)]
        chosen.setdefault(shard, {ENTERS: [], LEAVES: []})[change].append(n)
    return chosen


def changed_clips(
    question: Question, changed: Mapping[str, Mapping[str, Sequence[int]]]
) -> Iterator[dict[str, Any]]:
    """Rows of the table `what_if` for clips that enter or leave, in order, shard by shard.

    `rule` and `why` name what now drops a leaving clip, or dropped an entering one before.
    """
    for shard, numbers in changed.items():
        change_of = {n: change for change, chosen in numbers.items() for n in chosen}
        if not change_of:
            continue
        columns = question.columns(shard, *CLIP, "reason", *question.ranked_by)
        drops = {
            LEAVES: _why(columns, question.thresholds, question.cut),
            ENTERS: _why_before(question, shard, columns),
        }
        values = {name: column.to_pylist() for name, column in columns.values.items()}
        clips = {n: columns.clips.slice(n, 1).to_pylist()[0] for n in sorted(change_of)}
        texts = _texts(Path(question.files(shard).transcripts), clips.values())
        for n, clip in clips.items():
            rule, why = drops[change_of[n]][n]
            yield {
                **clip,
                **{name: column[n] for name, column in values.items()},
                "change": change_of[n],
                "shard": shard,
                "rule": rule,
                "why": why,
                "text": texts[clip["clip"]],
            }


def _why(
    columns: ScoreColumns, thresholds: Mapping[str, Any], cut: Cut | None
) -> list[tuple[Any, Any]]:
    """(rule, why) of each clip."""
    rules = parse_rules(thresholds, columns.rules)
    decided = decide(columns, rules, *lenience(thresholds), cut)
    return list(zip(decided.rule_names(), reasons(columns, rules, decided, cut), strict=True))


def _why_before(question: Question, shard: str, columns: ScoreColumns) -> list[tuple[Any, Any]]:
    if question.before is not None:
        return _why(columns, question.before, question.cut_before)
    rows = _last_decisions(question, shard, columns)
    return list(zip(rows["rule"].to_pylist(), rows["why"].to_pylist(), strict=True))


def _texts(transcripts: Path, clips: Any) -> dict[str, str]:
    """Clip -> its text."""
    return {
        clip.id: transcript.text(clip.first_word, clip.last_word)
        for transcript, group in transcripts_with_clips(transcripts, iter(clips))
        for clip in group
    }
