"""`livecc labels`: how good is a selection, and which thresholds would be better?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import ConfigFiles, beginning, configuration_files, track_names


def labels(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files of labels, saved by the report.")
    ],
    configfile: ConfigFiles = [],  # noqa: B006
    sample: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file of `livecc sample-for-labels` whose clips were judged: it says for how "
            "many clips each judgement stands.",
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="TRACK",
            help="The track, pretrain or sft; by default that of the files.",
            autocompletion=beginning(track_names),
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The selection; by default that of the files."),
    ] = None,
    wanted_yield: Annotated[
        float | None,
        typer.Option(
            "--yield",
            metavar="SHARE",
            min=0.0,
            help="Propose the thresholds with the best precision that keep at least this share of "
            "the clips (0.3), or this number of them (40000).",
            show_default="what is kept now",
        ),
    ] = None,
    wanted_precision: Annotated[
        float | None,
        typer.Option(
            "--precision",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Propose the thresholds that keep most clips with at least this share of good "
            "ones (0.9).",
            show_default="the precision now",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write all figures to this file."),
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="CPU threads to use.")] = min(
        8, os.cpu_count() or 1
    ),
) -> None:
    """Tell from people's judgements how good a selection is, and propose better thresholds.

    Merges the labels of all files and prints how well judges agree, the precision and recall of the
    selection and of each rule with 95 % confidence intervals, and thresholds that would be better,
    as YAML to paste. Nothing is run or changed. docs/labels.md explains the figures.

    \b
    Examples:
      livecc labels labels-ann.json labels-bob.json --sample sample.json --configfile my.yaml
      livecc labels labels.json --sample sample.json --configfile my.yaml --yield 0.3
      livecc labels labels.json --sample sample.json --configfile my.yaml --precision 0.95
    """
    from livecc import configuration
    from livecc.files.atomic import write_json
    from livecc.labels.command import Goals, inspect
    from livecc.terminal import new_console

    found = inspect(
        configuration.load(configuration_files(configfile)),
        files,
        sample,
        track,
        selection,
        Goals(wanted_yield, wanted_precision),
        threads,
    )
    found.render(new_console())
    if json:
        write_json(json, found.to_json())
