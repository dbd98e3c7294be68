"""`livecc`: the command-line program for users, with a sub-command for each manual task.

Each module here is a sub-command: its function defines the arguments, its docstring is the help.
Imports are inside the functions, so that help and completion respond quickly.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from livecc import cli
from livecc.commands.arguments import register
from livecc.commands.browse import browse
from livecc.commands.cache import cache
from livecc.commands.check import check
from livecc.commands.draw import draw
from livecc.commands.follow import follow
from livecc.commands.ingest import ingest
from livecc.commands.init import init
from livecc.commands.install_profile import install_profile
from livecc.commands.labels import labels
from livecc.commands.models import models
from livecc.commands.paper_counts import paper_counts
from livecc.commands.plan import plan
from livecc.commands.report import report
from livecc.commands.sample_for_labels import sample_for_labels
from livecc.commands.shard import shard
from livecc.commands.show import show
from livecc.commands.validate import validate
from livecc.commands.verify import verify
from livecc.commands.what_if import what_if
from livecc.software import code_version
from livecc.terminal import say


class Program(TyperGroup):
    """The sub-commands in the order of their use, from captions to training files."""

    ORDER = (
        *("init", "ingest", "validate", "shard", "models", "plan", "follow", "what-if"),
        *("report", "browse", "show", "sample-for-labels", "labels", "check", "verify", "draw"),
        *("paper-counts", "cache"),
    )

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return sorted(names, key=[*self.ORDER, *names].index)


app = typer.Typer(
    cls=Program,
    help="""
    Create training data for LiveCC: the commands around a run of the workflow.

    Snakemake creates the data; README.md explains how to start it. These commands check the input
    before a run, show what a run would do, show its progress, and inspect its results.

    `livecc COMMAND --help` explains a command, with examples. `livecc --install-completion` enables
    completion of commands and options with the Tab key in your shell.
    """,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
for command in (
    *(init, ingest, validate, shard, plan, follow, what_if, report, browse, show),
    *(sample_for_labels, labels, check, verify, draw, paper_counts, install_profile),
):
    register(app, command)
app.add_typer(models)
app.add_typer(cache)


def say_version(wanted: bool) -> None:
    """Say which code this is, and end."""
    if wanted:
        code = code_version()
        commit = f" ({code['commit'][:12]}{', changed' * bool(code['dirty'])})"
        say(f"livecc {code['version']}{commit if code['commit'] else ''}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=say_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options without a sub-command."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the program; without `arguments`, use those of the command line."""
    cli.start_logging()
    with cli.faults_told():
        app(arguments, prog_name="livecc")
    raise AssertionError("a command ends the process")


def renamed(command: str) -> NoReturn:
    """Run the sub-command that replaces a script of earlier releases, and print its new name."""
    script = Path(sys.argv[0])
    say(
        f"{script.parent.name}/{script.name} is now `livecc {command}`; the next release has no "
        "such script",
        to=sys.stderr,
    )
    main([command, *sys.argv[1:]])
