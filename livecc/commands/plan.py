"""`livecc plan`: the work of a run before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from livecc.commands.arguments import ConfigFiles, configuration_files


def plan(
    configfile: ConfigFiles = [],  # noqa: B006
    output: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Also write the plan to this file.")
    ] = None,
) -> None:
    """Show what a run would do and what it would cost, before you start it.

    Prints for each stage: jobs, items, how many of them are in the cache, how many have to be
    scored, the time that takes, and the reasons. Nothing is run or changed.

    What is not known before the run is estimated: items from the input or the last run, and times
    from the speed of earlier jobs, or of other machines, which gives a range.

    Run it in the folder in which you run Snakemake, because paths in a configuration are relative
    to it.

    \b
    Example:
      livecc plan --configfile presets/paper.yaml my.yaml
    """
    from livecc import configuration

    show_plan(configuration.load(configuration_files(configfile)), output)


def show_plan(config: Mapping[str, Any], output: Path | None) -> None:
    """Print the plan of a configuration, and write it to `output`."""
    from livecc.files.atomic import write_json
    from livecc.planning.plan import make_plan, to_json
    from livecc.planning.plan_text import render
    from livecc.terminal import say

    plans = make_plan(config)
    if output:
        write_json(output, to_json(plans))
    say(render(plans))
