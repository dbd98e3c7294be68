"""A plan as text for a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from livecc.planning.plan import StagePlan
from livecc.planning.ranges import NOTHING, Range
from livecc.terminal import count, new_console, plain_table, plural


def render(plans: Sequence[StagePlan]) -> str:
    """The plan as a table for a terminal."""
    if not plans:
        return "Nothing to do: all results are up to date."
    numbers = ("jobs", "items", "in the cache", "to score", "time")
    table = plain_table("track", "stage", right=numbers, gap=2)
    table.add_column("why", no_wrap=True)
    for plan in plans:
        table.add_row(*_cells(plan))
    # Wide enough never to cut a line.
    text = io.StringIO()
    new_console(text, width=10_000, color_system=None).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join([*lines, "", *_notes(plans)])


def _cells(plan: StagePlan) -> list[str]:
    why = ", ".join(
        reason if number == plan.jobs else f"{reason} ({number})"
        for reason, number in plan.reasons.most_common()
    )
    if not plan.cached:
        return [plan.track, plan.stage, f"{plan.jobs:,}", "", "", "", "", why]
    time = "?" if plan.hours is None else duration(plan.hours)
    return [
        *(plan.track, plan.stage, f"{plan.jobs:,}"),
        _number(plan, plan.items, plan.expected_items),
        f"{plan.found:,}" + ("+" if plan.unknown_jobs else ""),
        _number(plan, plan.to_score, plan.expected_to_score),
        "" if _nothing_to_score(plan) else time,
        why,
    ]


def _number(plan: StagePlan, known: int, expected: Range) -> str:
    """Items that are known and items that are expected, in one number or two bounds."""
    if not plan.unknown_jobs:
        return f"{known:,}"
    if plan.unforeseen_jobs:
        return f"{known + round(expected.low):,}+"
    low, high = known + round(expected.low), known + round(expected.high)
    if low == high:
        return f"~{low:,}"
    return f"{low:,}-{high:,}" if low else f"<={high:,}"


def duration(hours: Range) -> str:
    """Two bounds of a time, in words; never 0 for work."""
    low, high = (max(1.0, seconds * 3600) for seconds in (hours.low, hours.high))
    if not hours.low and hours.high:
        return f"<= {_time(high)}"
    if _time(low) == _time(high):
        return _time(high)
    (first, unit), (second, other) = _time(low).split(), _time(high).split()
    return f"{first}-{second} {unit}" if unit == other else f"{first} {unit} - {second} {other}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:,.1f} h" if hours < 100 else f"{hours:,.0f} h"


def _money(amount: float) -> str:
    """An amount in the currency of the prices, with two decimals or, below that, two digits."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"


def _notes(plans: Sequence[StagePlan]) -> list[str]:
    notes = []
    if any(plan.unknown_jobs > plan.unforeseen_jobs for plan in plans):
        notes.append(
            "~, <= and ranges: estimated from the input and from earlier results; <= where a gate "
            "may let in fewer."
        )
    if any(plan.unknown_jobs for plan in plans):
        notes.append(
            "+ more may be in the cache, such as scores of the same items in other shards."
        )
    unforeseen = sum(plan.unforeseen_jobs for plan in plans)
    if unforeseen:
        jobs = count(unforeseen, "job")
        notes.append(f"Not estimated: {jobs} whose input cannot be read.")
    notes += _figures(plans)
    notes += [
        f"{plan.stage} costs from {_money(plan.cost.low)} to {_money(plan.cost.high)}, at the "
        "prices of the configuration."
        for plan in plans
        if plan.cost is not None and plan.cost.high
    ]
    jobs = count(sum(plan.jobs for plan in plans), "job")
    return [*notes, f"{jobs}{_total(plans)}"]


def _figures(plans: Iterable[StagePlan]) -> list[str]:
    """Where times are from that this cache has not measured."""
    told = {}
    for plan in plans:
        if plan.cached and plan.pace is None and not _nothing_to_score(plan):
            told[plan.stage] = f"? {plan.stage}: its speed was never measured."
        elif plan.pace is not None and plan.hours is not None and plan.hours != NOTHING:
            exact = plan.pace.per_second.low == plan.pace.per_second.high
            if not plan.pace.measured:
                told[plan.stage] = f"Time of {plan.stage}: at {plan.pace.source}."
            elif not exact:
                told[plan.stage] = f"Time of {plan.stage}: from {plan.pace.source}."
    if any(line.startswith("Time") for line in told.values()):
        return [*told.values(), "Such times are ranges, because machines and models differ."]
    return list(told.values())


def _nothing_to_score(plan: StagePlan) -> bool:
    return not plan.to_score and not plan.expected_to_score.high and not plan.unforeseen_jobs


def _total(plans: Iterable[StagePlan]) -> str:
    """The time of all jobs, by device."""
    plans = [plan for plan in plans if plan.cached]
    parts = []
    for device, name in (("cuda", "GPUs"), ("cpu", "CPUs")):
        hours = [plan.hours for plan in plans if plan.device == device and plan.hours is not None]
        total = sum(hours, NOTHING)
        if total != NOTHING:
            parts.append(f"{duration(total)} on {name}")
    without = [plan for plan in plans if plan.hours is None and not _nothing_to_score(plan)]
    rest = f", without {len(without)} {plural(len(without), 'stage')}" if without else ""
    return f"; {' and '.join(parts)}{rest}, one job after another." if parts else "."
