"""What the results say about one clip: its words, its scores, and the verdict of every rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from livecc.files.parquet import read_table
from livecc.formats.records import Clip, Transcript
from livecc.scores.columns import ScoreColumns, rows_of
from livecc.scores.tables import CLIP, transcripts_with_clips
from livecc.selecting.decisions import NO_CLIP, Decisions, decide, reasons
from livecc.selecting.what_if.answer import Question
from livecc.showing.find import Found
from livecc.thresholds.sets import ON_UNSCORED, parse_rules


@dataclass(frozen=True)
class RuleFact:
    """A rule and a clip. `values`: column -> score. `bounds`: in the form of the configuration;
    None if the selection has none. `problem`: why the clip does not pass; None if it does.
    `unscored`: whether it has no score. `decides`: whether it is the rule that drops the clip."""

    name: str
    values: Mapping[str, Any]
    bounds: Mapping[str, Any] | None
    problem: str | None
    unscored: bool
    decides: bool


@dataclass(frozen=True)
class ClipFacts:
    """Everything about a clip. `scores`: stage -> its row, None where it has none. `missing`: the
    stages that have not run for its shard. `dropped_by`, `why`: None for a clip that is kept, as
    far as its scores are there."""

    clip: Clip
    transcript: Transcript
    row: Mapping[str, Any]
    rules: tuple[RuleFact, ...]
    scores: Mapping[str, Mapping[str, Any] | None]
    missing: tuple[str, ...]
    dropped_by: str | None
    why: str | None


def facts_of(found: Found, row: int) -> ClipFacts:
    """The facts of the clip in this row of its shard's table.

    Raises LiveccError when a table is broken or missing.
    """
    question, missing = _available(found)
    columns, decided, why = _decided(question, found.shard)
    clip_row = columns.clips.slice(row, 1).to_pylist()[0]
    ((transcript, (clip,)),) = transcripts_with_clips(
        Path(found.files.transcripts), iter([clip_row])
    )
    names = decided.rule_names()
    return ClipFacts(
        clip=clip,
        transcript=transcript,
        row=clip_row,
        rules=tuple(_rule_facts(question, columns, decided, row)),
        scores=_scores(question, found, columns, row),
        missing=missing,
        dropped_by=names[row],
        why=why[row],
    )


def verdicts(found: Found) -> dict[int, tuple[str | None, str | None]]:
    """Row -> (the rule that drops the clip, why), None and None for a kept one."""
    question, _ = _available(found)
    _, decided, why = _decided(question, found.shard)
    names = decided.rule_names()
    return {row: (names[row], why[row]) for row in found.rows}


def _available(found: Found) -> tuple[Question, tuple[str, ...]]:
    """(the question with the stages that have run for the shard, the names of the others)."""
    stages = [s for s in found.question.stages if Path(found.files.scores(s.name)).is_file()]
    others = tuple(s.name for s in found.question.stages if s not in stages)
    return replace(found.question, stages=stages), others


def _decided(question: Question, shard: str) -> tuple[ScoreColumns, Decisions, list[str | None]]:
    columns = question.columns(shard, *CLIP, "reason", "unit")
    thresholds = parse_rules(question.thresholds, columns.rules)
    decided = decide(columns, thresholds, question.thresholds.get(ON_UNSCORED, "drop"))
    return columns, decided, list(reasons(columns, thresholds, decided))


def _rule_facts(
    question: Question, columns: ScoreColumns, decided: Decisions, row: int
) -> list[RuleFact]:
    thresholds = parse_rules(question.thresholds, columns.rules)
    keeps = question.thresholds.get(ON_UNSCORED, "drop") == "keep"
    deciding = decided.rule_names()[row]
    facts = []
    for name, rule in columns.rules.items():
        values = {column: columns.values[column][row].as_py() for column in rule.columns}
        unscored = rule.of_score and not bool(columns.scored[name][row])
        threshold = thresholds.get(name)
        problem = None
        if unscored:
            reason = columns.reasons[name][row].as_py() if name in columns.reasons else None
            problem = f"not scored: {reason or 'outside the gate'}"
            if threshold is not None and keeps and rule.may_keep_unscored:
                problem += " (kept all the same: on_unscored is keep)"
        elif threshold is not None:
            problem = threshold.failure(values)
        facts.append(
            RuleFact(
                name=name,
                values=values,
                bounds=None if threshold is None else threshold.to_json(),
                problem=problem,
                unscored=unscored,
                decides=name == deciding and deciding != NO_CLIP,
            )
        )
    return facts


def _scores(
    question: Question, found: Found, columns: ScoreColumns, row: int
) -> dict[str, Mapping[str, Any] | None]:
    scores: dict[str, Mapping[str, Any] | None] = {}
    for stage in question.stages:
        table = read_table(found.files.scores(stage.name))
        own = rows_of(columns.clips[stage.item].slice(row, 1), table).to_pylist()[0]
        scores[stage.name] = own if own["status"] is not None else None
    return scores
