"""`livecc what-if`: which clips would other thresholds keep?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import ConfigFiles, beginning, configuration_files, track_names


def what_if(
    configfile: ConfigFiles = [],  # noqa: B006
    track: Annotated[
        str | None,
        typer.Option(
            metavar="TRACK",
            help="Only this track, pretrain or sft; by default all that have inputs, the selection "
            "and the rules of --set.",
            autocompletion=beginning(track_names),
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The selection whose thresholds --set changes (default: default).",
        ),
    ] = None,
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="RULE.BOUND=VALUE",
            help="A threshold to change: lm_loss.max=3, language.labels=en,de, talking_head=none, "
            "on_unscored=keep. May be repeated.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    against: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with this selection instead.")
    ] = None,
    show: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="How many of the clips that enter or leave to show."),
    ] = 3,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all clips that enter or leave, with their text, to this file (.jsonl, "
            ".jsonl.gz, .jsonl.zst or .parquet).",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="CPU threads to use.")] = min(
        8, os.cpu_count() or 1
    ),
) -> None:
    """Show within seconds what other thresholds would keep, from the scores of an earlier run.

    Prints how many clips, hours and samples the changed thresholds keep and drop, by rule, and
    some clips that would enter or leave the training data. Nothing is run or changed.

    With --set, the changed thresholds are compared with those in the configuration. Without it, the
    configuration is compared with the decisions of the last run.

    \b
    Examples:
      livecc what-if --configfile my.yaml --set lm_loss.max=3
      livecc what-if --configfile my.yaml --track sft --set language.min_confidence=0.9
      livecc what-if --configfile my.yaml --selection strict --against default
    """
    from livecc import configuration
    from livecc.errors import LiveccError
    from livecc.selecting.what_if.answer import ENTERS, LEAVES, answer, changed_clips, spread
    from livecc.selecting.what_if.output import check_output, write_clips
    from livecc.selecting.what_if.question import ask_all
    from livecc.selecting.what_if.report import render
    from livecc.terminal import count, new_console

    if output:
        check_output(output)
    config = configuration.load(configuration_files(configfile))
    questions = ask_all(config, track, selection, changes, against)
    if output and len(questions) > 1:
        tracks = ", ".join(question.track for question in questions)
        raise LiveccError(
            f"--output takes the clips of one track: give --track with one of {tracks}"
        )
    console = new_console()
    for number, question in enumerate(questions):
        found = answer(question, threads)
        shown = {
            change: list(changed_clips(question, spread(found, change, show)))
            for change in (ENTERS, LEAVES)
        }
        name = f"{question.track}, selection {question.selection}"
        asked = " with ".join([name, *([", ".join(changes)] if changes else [])])
        if against:
            compared = f"selection {against}"
        else:
            compared = f"{name} as configured" if changes else "its last run"
        if number:
            console.print()
        render(console, question, found, asked, compared, shown)
        if output:
            written = write_clips(
                output,
                configuration.catalogue_of(config).score_stages,
                changed_clips(question, found.changed),
            )
            console.print(f"\n{output}: {count(written, 'clip')}", soft_wrap=True)
