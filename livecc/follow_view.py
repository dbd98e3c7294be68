"""The state of a run as a person wants to see it (`livecc.follow` makes the snapshots)."""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

WIDTH = 100
BAR_WIDTH = 16
SHOWN_JOBS = 8
SHOWN_FAILURES = 5
#: Without news for so long, a run that did not say it has ended may be gone.
SILENT_SECONDS = 60


def render(
    snapshot: Mapping[str, Any], now: float | None = None, *, commands: bool = True
) -> RenderableType:
    """Stages, jobs at work and failures of a snapshot; `commands`: with how to repeat them."""
    from rich.console import Group
    from rich.text import Text

    now = time.time() if now is None else now
    parts: list[RenderableType] = [Text(_headline(snapshot, now), style="bold")]
    parts.append(_stages(snapshot))
    working = [job for job in snapshot["running"] if job["at_work"] and job["total"]]
    for job in working[:SHOWN_JOBS]:
        where = f" on {job['host']}" if job["host"] else ""
        done = f"{job['done']} of {job['total']} items"
        parts.append(Text(f"  {job['job']}: {done}, {duration(job['seconds'])}{where}"))
    if len(working) > SHOWN_JOBS:
        parts.append(Text(f"  and {len(working) - SHOWN_JOBS} more"))
    failures = snapshot["failures"]
    show_one = render_failure if commands else render_last_lines
    parts += [show_one(failure) for failure in failures[:SHOWN_FAILURES]]
    if failures and not commands:
        parts.append(Text("The commands to repeat them are in progress.txt."))
    if len(failures) > SHOWN_FAILURES:
        parts.append(Text(f"\nand {len(failures) - SHOWN_FAILURES} more failed: progress.json"))
    return Group(*parts)


def _headline(snapshot: Mapping[str, Any], now: float) -> str:
    finished = sum(stage["finished"] for stage in snapshot["stages"])
    jobs = sum(stage["jobs"] for stage in snapshot["stages"])
    running = snapshot["state"] == "running"
    until = now if running else snapshot["updated"]
    text = (
        f"{snapshot['state']}: {finished} of {jobs} jobs, {duration(until - snapshot['started'])}"
    )
    silent = now - snapshot["updated"]
    if running and silent > SILENT_SECONDS:
        text += f"; no news for {duration(silent)}: is the Snakemake process still there?"
    return text


def _stages(snapshot: Mapping[str, Any]) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("stage", no_wrap=True)
    table.add_column("")
    for title in ("jobs", "at work", "queued", "failed", "done", "a second", "left"):
        table.add_column(title, justify="right", no_wrap=True)
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


def render_failure(failure: Mapping[str, Any]) -> RenderableType:
    """What failed, the end of its log and the command to repeat it."""

    text = render_last_lines(failure)
    if failure["command"]:
        within = f", inside {failure['within']}" if failure["within"] else ""
        text.append(f"  to repeat it{within}:\n", style="bold")
        text.append(f"    cd {shlex.quote(failure['folder'])}\n    {failure['command']}\n")
    return text


def render_last_lines(failure: Mapping[str, Any]) -> Text:
    """What failed and the end of its log."""
    from rich.text import Text

    text = Text()
    times = f" ({failure['attempts']} times)" if failure["attempts"] > 1 else ""
    cluster = f", cluster job {failure['cluster_job']}" if failure["cluster_job"] else ""
    text.append(f"\nfailed: {failure['job']}{times}{cluster}\n", style="bold red")
    for path in failure["logs"]:
        lines = failure["last_lines"].get(path, [])
        text.append(f"  {path}{':' if lines else ' is empty or not there'}\n", style="bold")
        text.append("".join(f"    {line}\n" for line in lines))
    return text


def duration(seconds: float) -> str:
    """A time span in the two largest units that say something."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def to_text(shown: RenderableType) -> str:
    """Plain text of at most WIDTH columns, but for commands and log lines, which are not cut."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=WIDTH,
        color_system=None,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print(shown)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


@contextmanager
def on_screen() -> Iterator[Callable[[RenderableType], None]]:
    """Yields a function that shows something in place of what it showed before."""
    from rich.console import Console
    from rich.live import Live

    console = Console(markup=False, highlight=False)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield lambda shown: live.update(shown, refresh=True)


def show(shown: RenderableType) -> None:
    """Print on standard error, where Snakemake's own messages go."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else WIDTH
    console = Console(stderr=True, width=width, markup=False, highlight=False, soft_wrap=True)
    console.print(shown)
