"""`livecc report`: the page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from livecc.commands.arguments import ConfigFiles, configuration_files

Results = Annotated[
    Path | None,
    typer.Argument(
        metavar="RESULTS",
        help="The folder of results of a run whose page was made before; or give --configfile.",
        show_default=False,
    ),
]


def report(
    results: Results = None,
    configfile: ConfigFiles = [],  # noqa: B006
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where to write it (default: report.html in the results)."
        ),
    ] = None,
    media: Annotated[
        Literal["copies", "links", "none"],
        typer.Option(
            metavar="WHICH",
            help="What plays: copies (small ones, inside the page); links (to the video files, for "
            "looking at it on this machine); none.",
        ),
    ] = "copies",
    no_media: Annotated[bool, typer.Option("--no-media", help="The same as --media none.")] = False,
    size: Annotated[
        float, typer.Option(metavar="MB", min=0.1, help="Size of the page, at most.")
    ] = 15,
    shown: Annotated[
        int, typer.Option(metavar="N", min=1, help="Clips that it shows with their words.")
    ] = 240,
    pictured: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of these, clips with six frames.")
    ] = 160,
    played: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of these, clips that play.")
    ] = 40,
    boxes: Annotated[
        bool,
        typer.Option(
            "--boxes",
            help="Boxes around the faces of SFT clips that play, with the scores of who speaks: "
            "they are looked for again, which takes a minute or two.",
        ),
    ] = False,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Processes to use.")] = 2,
) -> None:
    """Make the page about a run: what was kept and why, thresholds to move, clips to watch.

    It is one file that opens in a browser, without a server and without the internet. A run ends
    with it; this makes it again, with other clips or another size.

    \b
    Examples:
      livecc report --configfile my.yaml
      livecc report results --size 40 --played 120
      livecc report results --no-media --output small.html
    """
    from livecc.report.make import PageOptions, make_page
    from livecc.terminal import say

    run, names = run_and_names(results, configuration_files(configfile))
    options = PageOptions(
        media="none" if no_media else media,
        megabytes=size,
        shown=shown,
        pictured=pictured,
        played=played,
        boxes=boxes,
        workers=threads,
    )
    path = output or Path(run.layout.report)
    make_page(run, path, options, names)
    say(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def run_and_names(results: Path | None, files: list[Path]) -> tuple[Any, list[str]]:
    """The run of a configuration, or of a folder of results, and its configuration files.

    Raises LiveccError unless one of both is given.
    """
    from livecc import configuration
    from livecc.errors import LiveccError
    from livecc.formats.layout import Layout
    from livecc.report.run import recorded_run, run_of, settings_of

    if (results is None) == (not files):
        raise LiveccError("give either the folder of results or --configfile, and not both")
    if results is not None:
        return recorded_run(results), []
    config = configuration.load(files)
    return run_of(Layout.of(config), settings_of(config)), [str(file) for file in files]
