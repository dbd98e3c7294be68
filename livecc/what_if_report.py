"""A what-if's answer for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livecc.terminal import count, printable
from livecc.what_if import ENTERS, LEAVES, Answer, Question

SHOWN_TEXT = 240


def render(
    console: Any,
    question: Question,
    answer: Answer,
    asked: str,
    against: str,
    shown: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Print the answer; `asked` and `against` say in words what was held against what.

    `shown` has rows of `changed_clips` by change.
    """
    console.print(f"what if  {asked}", soft_wrap=True)
    console.print(f"against  {against}", soft_wrap=True)
    console.print()
    console.print(_totals(answer))
    console.print()
    console.print(_rules(answer))
    for note in _notes(question, answer):
        console.print()
        console.print(note)
    for change in (LEAVES, ENTERS):
        _clips(console, change, answer.count(change), shown[change])


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="", padding=(0, 3, 0, 0))
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def _totals(answer: Answer) -> Any:
    table = _table("kept", "what if", "against", "difference", "of all", "there are")
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


def _rules(answer: Answer) -> Any:
    table = _table("dropped by", "what if", "against", "difference", "not scored")
    after, before = answer.after, answer.before
    for rule in _in_order({**before.dropped, **after.dropped}):
        row = _three(after.dropped[rule], before.dropped[rule])
        table.add_row(rule, *row, f"{after.unscored[rule]:,}" if after.unscored[rule] else "")
    return table


def _in_order(rules: Iterable[str]) -> list[str]:
    from livecc.thresholds import RULES

    order = ["clip", *RULES]
    return sorted(rules, key=order.index)


def _notes(question: Question, answer: Answer) -> Iterable[str]:
    keeps = question.thresholds.get("on_unscored", "drop")
    if answer.missing:
        yield (
            f"{count(len(answer.missing), 'shard')} of {len(question.shards):,} not scored yet, "
            f"and in no figure: {_some(answer.missing)}"
        )
    for stage, clips in answer.to_score.items():
        if clips:
            yield (
                f"{count(clips, 'clip')} without a score of {stage}, which a run with these "
                "thresholds would make; it may keep more or fewer than told here"
            )
    left_out = {
        stage: answer.failed[stage] + answer.outside[stage]
        for stage in question.stages
        if answer.failed[stage] + answer.outside[stage]
    }
    for stage, clips in left_out.items():
        parts = []
        if answer.failed[stage]:
            parts.append(f"{answer.failed[stage]:,} because scoring failed")
        if answer.outside[stage]:
            parts.append(f"{answer.outside[stage]:,} outside its gate")
        yield f"{count(clips, 'clip')} without a score of {stage} for good: {', '.join(parts)}"
    if keeps == "fail" and (left_out or any(answer.to_score.values())):
        yield "The selection says on_unscored: fail: a run stops at a clip without a score"


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
    """What drops a clip that leaves, or dropped one that enters."""
    if row["rule"] is None:
        return "was not in the last run"
    why = row["why"] or ""
    why = why if why.startswith(row["rule"]) else f"{row['rule']}: {why}"
    return why if change == LEAVES else f"was dropped: {why}"
