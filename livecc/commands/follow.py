"""`livecc follow`: the progress of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def follow(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="The results folder of the run.")
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Print it once and exit (default without a terminal).")
    ] = False,
    seconds: Annotated[float, typer.Option(metavar="SECONDS", help="Time between updates.")] = 2.0,
) -> None:
    """Show the progress of a run in any terminal, until the run ends.

    Shows jobs, items, items per second and the remaining time of each stage, and the end of the log
    of each failed job. It only reads the file progress.json in the results folder, so you can start
    and stop it (Ctrl-C) at any time, also on another machine with access to the folder.

    \b
    Examples:
      livecc follow /data/livecc
      livecc follow /data/livecc --once
    """
    import sys
    import time

    from livecc.errors import LiveccError
    from livecc.files.atomic import read_json
    from livecc.formats.layout import Layout
    from livecc.running.follow_view import on_screen, render, to_text
    from livecc.terminal import say

    file = Path(Layout(str(results)).progress_json)
    if not file.is_file():
        raise LiveccError(f"{file}: no such file; give the results folder of a run that has begun")
    if once or not sys.stdout.isatty():
        say(to_text(render(read_json(file))).removesuffix("\n"))
        return
    with on_screen() as update:
        while True:
            snapshot = read_json(file)
            # A terminal wraps long lines, so a command copied from it would not run.
            update(render(snapshot, commands=False))
            if snapshot["state"] != "running":
                return
            time.sleep(seconds)
