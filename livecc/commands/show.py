"""`livecc show`: what is in a clip or a video, and why is it kept or dropped?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import ConfigFiles, beginning, configuration_files, track_names


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CLIP|VIDEO",
            help="The id of a clip, such as 'talk.mp4#0-120', or the path of a video as in the "
            "input.",
        ),
    ],
    configfile: ConfigFiles = [],  # noqa: B006
    track: Annotated[
        str | None,
        typer.Option(
            metavar="TRACK",
            help="Look only in this track, pretrain or sft; by default in all.",
            autocompletion=beginning(track_names),
        ),
    ] = None,
    selection: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The selection whose verdicts to show (default: default)."
        ),
    ] = None,
    play: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the clip to this file (.mp4), with its words burnt in as they are "
            "said.",
        ),
    ] = None,
    font: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --play: a font (.ttf, .otf, .ttc) that has the letters of the words, if the "
            "fonts of this machine that are tried do not.",
        ),
    ] = None,
) -> None:
    """Show a clip: its words with their times, its scores, and what each rule says.

    The first rule that fails is the one that drops the clip. Of a video, all clips are listed. With
    --play, the clip is written as a video of its own. Nothing in the results is changed.

    \b
    Examples:
      livecc show 'talk.mp4#0-120' --configfile my.yaml
      livecc show talk.mp4 --configfile my.yaml --selection strict
      livecc show 'talk.mp4#0-120' --configfile my.yaml --play clip.mp4
    """
    from livecc import configuration
    from livecc.errors import LiveccError
    from livecc.showing.command import show as show_it
    from livecc.terminal import new_console

    if font is not None and play is None:
        raise typer.BadParameter("--font goes with --play")
    if play is not None and play.suffix != ".mp4":
        raise LiveccError(f"--play {play}: must end in .mp4")
    config = configuration.load(configuration_files(configfile))
    show_it(new_console(), config, name, track, selection, play, font)
