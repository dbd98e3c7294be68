"""Terminal output of a what-if's answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livecc.declaration import rules_of
from livecc.selecting.decisions import NO_CLIP
from livecc.selecting.what_if.answer import ENTERS, LEAVES, Answer, Question
from livecc.terminal import count, plain_table, printable
from livecc.thresholds.sets import ON_UNSCORED, TOP

SHOWN_TEXT = 240


def render(
    console: Any,
    question: Question,
    answer: Answer,
    asked: str,
    against: str,
    shown: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Print the answer; `asked` and `against` describe what was compared with what.

    `shown` has rows of `changed_clips` by change.
    """
    console.print(f"what if  {asked}", soft_wrap=True)
    console.print(f"against  {against}", soft_wrap=True)
    console.print()
    console.print(_totals(answer))
    console.print()
    console.print(_rules(question, answer))
    for note in _notes(question, answer):
        console.print()
        console.print(note)
    for change in (LEAVES, ENTERS):
        _clips(console, change, answer.count(change), shown[change])


def _totals(answer: Answer) -> Any:
    table = plain_table(
        "kept", right=("what if", "against", "difference", "of all", "there are"), gap=3
    )
    after, before = answer.after, answer.before
    share = f"{after.clips / answer.clips:.1%}" if answer.clips else "-"
    table.add_row("clips", *_three(after.clips, before.clips), share, f"{answer.clips:,}")
    table.add_row("videos", *_three(after.videos, before.videos))
    hours = [side.seconds / 3600 for side in (after, before)]
    share = f"{after.seconds / answer.seconds:.1%}" if answer.seconds else "-"
    total = f"{answer.seconds / 3600:,.1f}"
    difference = f"{hours[0] - hours[1]:+,.1f}"
    table.add_row("hours", *(f"{n:,.1f}" for n in hours), difference, share, total)
    return table


def _three(after: int, before: int) -> Iterable[str]:
    return f"{after:,}", f"{before:,}", f"{after - before:+,}" if after != before else "0"


def _rules(question: Question, answer: Answer) -> Any:
    table = plain_table(
        "dropped by", right=("what if", "against", "difference", "not scored"), gap=3
    )
    after, before = answer.after, answer.before
    for rule in _in_order(question, {**before.dropped, **after.dropped}):
        row = _three(after.dropped[rule], before.dropped[rule])
        table.add_row(rule, *row, f"{after.unscored[rule]:,}" if after.unscored[rule] else "")
    return table


def _in_order(question: Question, rules: Iterable[str]) -> list[str]:
    """Rules in the order they are applied; those of disabled stages last."""
    order = [NO_CLIP, *rules_of(question.stages), TOP]
    return sorted(rules, key=lambda rule: order.index(rule) if rule in order else len(order))


def _notes(question: Question, answer: Answer) -> Iterable[str]:
    keeps = question.thresholds.get(ON_UNSCORED, "drop")
    if answer.missing:
        yield (
            f"{count(len(answer.missing), 'shard')} of {len(question.shards):,} not scored yet "
            f"and not included: {_some(answer.missing)}"
        )
    for stage, clips in answer.to_score.items():
        if clips:
            yield (
                f"{count(clips, 'clip')} without a score of {stage} that a run with these "
                "thresholds would score; the numbers kept may change"
            )
    reasons = (answer.failed, answer.outside, answer.absent)
    left_out = {
        stage.name: sum(clips[stage.name] for clips in reasons) for stage in question.stages
    }
    for stage, clips in left_out.items():
        if not clips:
            continue
        parts = []
        if answer.failed[stage]:
            parts.append(f"{answer.failed[stage]:,} because scoring failed")
        if answer.outside[stage]:
            parts.append(f"{answer.outside[stage]:,} outside its gate")
        if answer.absent[stage]:
            parts.append(f"{answer.absent[stage]:,} not in its table")
        yield f"{count(clips, 'clip')} permanently without a score of {stage}: {', '.join(parts)}"
    if keeps == "fail" and (any(left_out.values()) or any(answer.to_score.values())):
        yield "The selection has on_unscored: fail, so a run stops at a clip without a score"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _clips(console: Any, change: str, total: int, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    verb = ("leave" if change == LEAVES else "enter") + ("s" if total == 1 else "")
    console.print()
    some = f"; {len(rows)} of them" if 0 < len(rows) < total else ""
    console.rule(f"{count(total, 'clip')} {verb}{some}", align="left")
    for row in rows:
        words = printable(row["text"])
        words = words if len(words) <= SHOWN_TEXT else f"{words[:SHOWN_TEXT].rsplit(' ', 1)[0]} ..."
        clip = printable(row["clip"])
        console.print(f"{clip}, {row['start']:.1f} to {row['end']:.1f} s", soft_wrap=True)
        console.print(Padding(Text(f"{_reason(change, row)}\n{words}"), (0, 0, 0, 4), expand=False))


def _reason(change: str, row: Mapping[str, Any]) -> str:
    """What drops a leaving clip, or dropped an entering one."""
    if row["rule"] is None:
        return "was not in the last run"
    why = row["why"] or ""
    why = why if why.startswith(row["rule"]) else f"{row['rule']}: {why}"
    return why if change == LEAVES else f"was dropped: {why}"
