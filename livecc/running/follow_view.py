"""Human-readable view of a run's state (`livecc.running.follow` makes the snapshots)."""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from livecc.terminal import count, new_console, plain_table, plural

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 100
BAR_WIDTH = 16
SHOWN_JOBS = 8
SHOWN_FAILURES = 5
#: Seconds without an update after which an unfinished run may be dead.
SILENT_SECONDS = 60


def render(
    snapshot: Mapping[str, Any],
    now: float | None = None,
    *,
    commands: bool = True,
    logs: bool = True,
) -> RenderableType:
    """Stages, running jobs and failures of a snapshot.

    `commands`: include how to rerun failed jobs; `logs`: include the ends of their logs.
    """
    from rich.console import Group
    from rich.text import Text

    now = time.time() if now is None else now
    parts: list[RenderableType] = [Text(_headline(snapshot, now), style="bold")]
    parts.append(_stages(snapshot))
    working = [job for job in snapshot["running"] if job["at_work"] and job["total"]]
    for job in working[:SHOWN_JOBS]:
        where = f" on {job['host']}" if job["host"] else ""
        done = f"{job['done']} of {count(job['total'], 'item')}"
        parts.append(Text(f"  {job['job']}: {done}, {duration(job['seconds'])}{where}"))
    if len(working) > SHOWN_JOBS:
        parts.append(Text(f"  and {len(working) - SHOWN_JOBS} more"))
    failures = snapshot["failures"]
    parts += [
        render_failure(failure, commands=commands, logs=logs)
        for failure in failures[:SHOWN_FAILURES]
    ]
    if failures and not commands:
        parts.append(Text("The commands to rerun them are in progress.txt."))
    if len(failures) > SHOWN_FAILURES:
        more = len(failures) - SHOWN_FAILURES
        parts.append(Text(f"\n{more} more {plural(more, 'failure')}: see progress.json"))
    return Group(*parts)


def _headline(snapshot: Mapping[str, Any], now: float) -> str:
    finished = sum(stage["finished"] for stage in snapshot["stages"])
    jobs = sum(stage["jobs"] for stage in snapshot["stages"])
    running = snapshot["state"] == "running"
    until = now if running else snapshot["updated"]
    text = (
        f"{snapshot['state']}: {finished} of {count(jobs, 'job')}, "
        f"{duration(until - snapshot['started'])}"
    )
    if snapshot["state"] == "interrupted":
        text += "; start the same command again to continue"
    silent = now - snapshot["updated"]
    if running and silent > SILENT_SECONDS:
        text += f"; no update for {duration(silent)}: is Snakemake still running?"
    return text


def _stages(snapshot: Mapping[str, Any]) -> Table:
    from rich.progress_bar import ProgressBar

    columns = ("jobs", "running", "queued", "failed", "done", "items/s", "left")
    table = plain_table("stage", "", right=columns, gap=2)
    for stage in snapshot["stages"]:
        share = stage["done"] / stage["total"] if stage["total"] else None
        if share is None or stage["finished"] == stage["jobs"]:
            share = stage["finished"] / max(1, stage["jobs"])
        items = stage["unit"] == "items"
        about = "" if stage["total_is_known"] else "~"
        going_on = stage["at_work"] + stage["queued"] > 0
        table.add_row(
            stage["stage"],
            ProgressBar(total=1.0, completed=share, width=BAR_WIDTH),
            f"{stage['finished']}/{stage['jobs']}",
            *(str(stage[name] or "") for name in ("at_work", "queued", "failed")),
            f"{stage['done']}/{about}{stage['total']}" if items else "",
            f"{stage['per_second']:.3g}" if items and stage["per_second"] else "",
            duration(stage["seconds_left"])
            if going_on and stage["seconds_left"] is not None
            else "",
        )
    return table


def render_failure(
    failure: Mapping[str, Any], *, commands: bool = True, logs: bool = True
) -> RenderableType:
    """A failed job, the end of its log and the command to rerun it."""
    text = render_last_lines(failure, logs=logs)
    if commands and failure["command"]:
        within = f", inside {failure['within']}" if failure["within"] else ""
        text.append(f"  to rerun it{within}:\n", style="bold")
        text.append(f"    cd {shlex.quote(failure['folder'])}\n    {failure['command']}\n")
    return text


def render_last_lines(failure: Mapping[str, Any], *, logs: bool = True) -> Text:
    """A failed job and the end of its log; without `logs`, only the name of the log."""
    from rich.text import Text

    text = Text()
    times = f" ({failure['attempts']} times)" if failure["attempts"] > 1 else ""
    cluster = f", cluster job {failure['cluster_job']}" if failure["cluster_job"] else ""
    text.append(f"\nfailed: {failure['job']}{times}{cluster}\n", style="bold red")
    for path in failure["logs"]:
        lines = failure["last_lines"].get(path, [])
        after = ":" if lines and logs else "" if lines else " is empty or missing"
        text.append(f"  {path}{after}\n", style="bold")
        if logs:
            text.append("".join(f"    {line}\n" for line in lines))
    return text


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def to_text(shown: RenderableType) -> str:
    """Plain text of at most WIDTH columns, except for commands and log lines."""
    text = io.StringIO()
    new_console(text, width=WIDTH, color_system=None, soft_wrap=True).print(shown)
    return text.getvalue()


@contextmanager
def on_screen() -> Iterator[Callable[[RenderableType], None]]:
    """Yields a function that replaces its previous output."""
    from rich.live import Live

    with Live(console=new_console(), auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda shown: live.update(shown, refresh=True)


def show(shown: RenderableType) -> None:
    """Print to standard error, like Snakemake."""
    width = None if sys.stderr.isatty() else WIDTH
    new_console(sys.stderr, width=width, soft_wrap=True).print(shown)
