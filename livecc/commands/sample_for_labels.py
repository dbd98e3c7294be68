"""`livecc sample-for-labels`: which clips should people judge?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import ConfigFiles, beginning, configuration_files, track_names


def sample_for_labels(
    output: Annotated[Path, typer.Option(metavar="FILE", help="The file to write (JSON).")],
    configfile: ConfigFiles = [],  # noqa: B006
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many clips to choose.")] = 200,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="TRACK",
            help="The track, pretrain or sft; needed if both have inputs.",
            autocompletion=beginning(track_names),
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The selection to judge (default: default)."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Another seed draws other clips.", min=0)
    ] = 0,
) -> None:
    """Choose clips whose judgements say most about a selection and its thresholds.

    Draws clips by chance from groups: kept and dropped by each rule, near its threshold and far
    from it. The file says with which probability each clip was drawn, so that `livecc labels` can
    tell from few judgements how good all clips are. The same seed draws the same clips.

    \b
    Example:
      livecc sample-for-labels --configfile my.yaml --count 200 --output sample.json
    """
    from livecc import configuration
    from livecc.labels.files import write_sample
    from livecc.labels.population import read_population
    from livecc.labels.report import render_sample
    from livecc.labels.sampling import draw
    from livecc.selecting.what_if.question import ask
    from livecc.terminal import new_console

    config = configuration.load(configuration_files(configfile))
    question = ask(config, track, selection, [], None)
    population = read_population(question, seed=seed)
    sample = draw(population, question.track, question.selection, count, seed)
    write_sample(output, sample)
    render_sample(new_console(), str(output), sample, population)
