"""`livecc browse`: the page about a run with all of its clips, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from livecc.commands.arguments import ConfigFiles, configuration_files
from livecc.commands.report import Results, run_and_names


def browse(
    results: Results = None,
    configfile: ConfigFiles = [],  # noqa: B006
    port: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=65535, help="Port; by default one that is free."),
    ] = 0,
    boxes: Annotated[
        bool,
        typer.Option(
            "--boxes",
            help="Boxes around the faces of SFT clips, with the scores of who speaks: they are "
            "looked for when a clip plays, which takes some seconds.",
        ),
    ] = False,
) -> None:
    """Look at all clips of a run in a browser: the page of `livecc report`, media from disk.

    It serves on 127.0.0.1 alone, under an address with a token that changes each time, and changes
    nothing. On a cluster, forward the port: ssh -L 8000:127.0.0.1:8000 NODE. Ctrl+C ends it.

    \b
    Examples:
      livecc browse --configfile my.yaml
      livecc browse results --port 8000
    """
    from livecc.report.server import Pages, serve
    from livecc.terminal import say

    run, names = run_and_names(results, configuration_files(configfile))
    pages = Pages(run, names, boxes=boxes)
    server, address = serve(pages, port)
    say(f"{address}\nOpen this address in a browser; Ctrl+C ends it.")
    try:
        with server:
            server.serve_forever()
    finally:
        pages.close()
