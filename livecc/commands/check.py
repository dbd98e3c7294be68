"""`livecc check`: what does the trainer get of the samples?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import VideosOutside


def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Training files (livecc_*_with_seeks.jsonl)."),
    ],
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The folder that the videos are relative to: the trainer's."
        ),
    ] = None,
    text_only: Annotated[
        bool,
        typer.Option(
            "--text-only", help="Open no video, and assume long enough ones with the rates --fps."
        ),
    ] = False,
    fps: Annotated[
        list[float],
        typer.Option(metavar="RATE", help="With --text-only: a frame rate. May be repeated."),
    ] = [30.0],  # noqa: B006
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Check only N samples of each file, chosen by chance, always the same ones.",
            show_default="all",
        ),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="The video_prefix of the files: it is taken off before a video is looked for in "
            "FOLDER.",
            show_default=False,
        ),
    ] = "",
    videos_outside: VideosOutside = "none",
    decode: Annotated[
        bool,
        typer.Option("--decode", help="Also decode all frames that the trainer takes (slow)."),
    ] = False,
    show: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=100, help="How many incomplete samples to print."),
    ] = 5,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Also write the reports to this file."),
    ] = None,
    incomplete: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all incomplete samples, with their words, to this file of JSON lines.",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.1, help="Time limit for a video; with --decode, for a clip."
        ),
    ] = 60.0,
    threads: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes that open videos.")
    ] = min(8, os.cpu_count() or 1),
) -> int:
    """Check that the trainer's reader gets every word of the samples, and each of them once.

    Opens every video as the trainer does, and computes what its reader takes of each sample: two
    frames a second, at most 480; the words that are said, lost, said twice, or late because they
    wait behind another word; and the files that it cannot open. The trainer replaces a sample that
    it cannot use by another one, without an error, and stops on a training file without samples.

    \b
    Examples:
      livecc check livecc_sft_default_with_seeks.jsonl --videos /data/videos
      livecc check *_with_seeks.jsonl --videos /data/videos --sample 1000
      livecc check livecc_sft_default_with_seeks.jsonl --text-only --fps 25 --fps 30

    The exit status is 1 if a sample is incomplete or a file has no samples. docs/training.md
    explains how training files are used.
    """
    from contextlib import ExitStack

    import orjson

    from livecc.errors import LiveccError
    from livecc.files.atomic import open_atomic, write_json
    from livecc.stages.check_samples.check import Videos, check_file
    from livecc.stages.check_samples.report import render
    from livecc.stages.check_samples.verdict import Verdict
    from livecc.terminal import new_console

    if text_only == (videos is not None):
        raise typer.BadParameter("give either --videos FOLDER or --text-only")
    if min(fps) <= 0:
        raise typer.BadParameter("--fps must be above 0")
    if videos is not None and not videos.is_dir():
        raise LiveccError(f"--videos {videos}: no such folder")
    source: Videos | list[float] = fps
    if videos is not None:
        source = Videos(videos, prefix, decode, threads, timeout, videos_outside)
    console = new_console()
    reports, failed = [], False
    with ExitStack() as stack:
        stream = stack.enter_context(open_atomic(incomplete)) if incomplete else None
        for number, path in enumerate(files):
            if number:
                console.print()

            def witness(label: str, verdict: Verdict, path: Path = path) -> None:
                if stream is not None and not verdict.complete:
                    told = {"file": str(path), "frames": label, **verdict.to_json()}
                    stream.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))

            try:
                report = check_file(path, source, sample, witness)
            except LiveccError as error:
                # A bad file costs itself only.
                console.print(f"error: {error}", soft_wrap=True)
                failed = True
                continue
            failed |= not report.complete
            reports.append(report.to_json())
            render(console, reports[-1], show)
    if json:
        write_json(json, reports)
    return 1 if failed else 0
