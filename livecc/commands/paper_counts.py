"""`livecc paper-counts`: the funnel of a run beside the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def paper_counts(
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="The results folder of a finished run.")
    ],
    selection: Annotated[
        str, typer.Option(metavar="NAME", help="The selection to compare.")
    ] = "paper",
    exclude: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A list of excluded videos that the run used (manifests do not tell its folder); "
            "may be repeated. Lists in this project's presets are found.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Also write the counts to this file.")
    ] = None,
) -> None:
    """Compare which share passes each step with the figures of the paper.

    Says of each published figure where it stands: in the paper or on the card of its data set
    (published), in names of files of its released code (file names), or nowhere (unknown). A step
    whose rule the selection does not have is not measured.

    \b
    Example:
      livecc paper-counts results --selection paper
    """
    import dataclasses

    from livecc.errors import LiveccError
    from livecc.files.atomic import write_json
    from livecc.formats.layout import Layout
    from livecc.selecting.paper_counts import STEPS, measured, rows_of
    from livecc.stages.catalogue import catalogue_of
    from livecc.terminal import new_console, plain_table

    layout = Layout(str(results))
    tracks = [track for track in STEPS if Path(layout.manifest(track, selection)).exists()]
    if not tracks:
        raise LiveccError(
            f"{results}: no training file of a selection {selection!r}; --selection names another"
        )
    found = [
        measured(layout, track, selection, catalogue_of({}), exclude or ()) for track in tracks
    ]
    console = new_console(width=100)
    for counts in found:
        console.rule(f"{counts.track}: {selection}", align="left")
        table = plain_table(
            "step", "passes here", "in the paper", "where it stands", "", gap=2, fold=True
        )
        for row in rows_of(counts):
            table.add_row(*row)
        console.print(table)
    if output is not None:
        write_json(output, [dataclasses.asdict(counts) for counts in found])
