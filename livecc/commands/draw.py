"""`livecc draw`: why does a clip have its active-speaker score?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import VideosOutside


class Device(StrEnum):
    """Where models run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def draw(
    clips: Annotated[
        list[str], typer.Argument(metavar="CLIP", help="Ids of clips, such as 'talk.mp4#0-120'.")
    ],
    videos: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder of the video files.")],
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder to write the drawn videos to.")
    ],
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The results folder of the workflow.")
    ] = Path("results"),
    videos_outside: VideosOutside = "none",
    device: Annotated[
        Device, typer.Option(help="Where models run; auto: on a GPU if there is one.")
    ] = Device.AUTO,
    threads: Annotated[int, typer.Option(metavar="N", help="CPU threads to use.")] = 2,
) -> None:
    """Show as a video why a clip of the SFT track has its active-speaker score.

    Writes the parts of the clip that score_active_speaker analyses, with audio and a box around
    each tracked face: green while the face is classified as speaking, with the logit above. The
    clips are scored again for this; results are not changed.

    \b
    Example:
      livecc draw 'talk.mp4#0-120' --videos /data/videos --output drawn
    """
    from livecc.formats.video_paths import VideoFolder
    from livecc.stages.score_active_speaker.drawing import draw_clips
    from livecc.terminal import printable, say

    folder = VideoFolder(videos, videos_outside)
    for drawn in draw_clips(results, folder, clips, output, device=device.value, threads=threads):
        result = drawn.result
        if drawn.path is None:
            text = f"{result.id}: no video: {result.reason or 'the sound is silent'}"
        else:
            text = f"{result.id}: {result.score:.2f}, tracks {result.tracks}: {drawn.path}"
        say(printable(text))
