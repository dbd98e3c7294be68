"""`livecc validate`: is the input valid?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from livecc.commands.arguments import VideosOutside, one_of, track_names


def validate(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", help="JSON-lines files, also as .gz or .zst."),
    ],
    track: Annotated[
        str,
        typer.Option(
            metavar="TRACK",
            help="The track of the files: pretrain or sft.",
            **one_of(track_names),
        ),
    ] = "pretrain",
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also open the video files in this folder, as the trainer does."
        ),
    ] = None,
    videos_outside: VideosOutside = "none",
    mode: Annotated[
        Literal["default", "paper"],
        typer.Option(metavar="MODE", help="The mode of the run: default or paper."),
    ] = "default",
) -> int:
    """Check input files and print their problems, line by line.

    Use it before a run. A line with an error gives no training data: it is broken, has no words,
    names a video outside of the folder of the videos, or has captions in the form of another tool,
    which is named. A warning means that a part of the line is not used, such as a caption without
    words, or that its video file is missing, cannot be opened by the trainer, or is shorter than
    what is said in it.

    \b
    Examples:
      livecc validate captions.jsonl --videos /data/videos
      livecc validate --track sft records/*.jsonl.zst

    The exit status is 1 if there is an error. docs/data-formats.md describes the files.
    """
    from livecc.errors import LiveccError
    from livecc.stages.validate_input import Checked
    from livecc.stages.validate_input import validate as findings
    from livecc.terminal import count, say

    if videos is not None and not videos.is_dir():
        raise LiveccError(f"--videos {videos}: no such folder")
    checked = Checked()
    counts = {"error": 0, "warning": 0}
    for finding in findings(track, inputs, videos, checked, mode, videos_outside):
        counts[finding.severity] += 1
        say(finding)
    say(
        f"{count(checked.files, 'file')}, {count(checked.lines, 'line')}, "
        f"{count(checked.videos, 'usable video')}: "
        f"{count(counts['error'], 'error')}, {count(counts['warning'], 'warning')}"
    )
    return 1 if counts["error"] else 0
