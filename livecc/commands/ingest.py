"""`livecc ingest`: from a folder of downloads, or a dump, to shards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from livecc.commands.arguments import ShardCount, ShardFolder, ShardPrefix, one_of

if TYPE_CHECKING:
    from livecc.sources.ingest import Report, Told

_SUFFIXES = {"zst": ".jsonl.zst", "gz": ".jsonl.gz", "none": ".jsonl"}


def format_names() -> Iterable[str]:
    """The formats of sources."""
    from livecc.sources.options import PARTS

    return PARTS


def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Folders of downloads, or the files of a dump."),
    ],
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What they hold: ytdlp, captions, whisper, yttemporal1b, yttemporal180m, "
            "vidchapters, howto100m, hdvila, table or jsonl.",
            **one_of(format_names),
        ),
    ],
    shards: ShardCount,
    output: ShardFolder,
    name: ShardPrefix = "shard",
    compress: Annotated[
        Literal["zst", "gz", "none"], typer.Option(help="How shards are compressed.")
    ] = "zst",
    mode: Annotated[
        Literal["default", "paper"],
        typer.Option(help="default: words where their times are known; paper: lines."),
    ] = "default",
    videos: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder that paths of videos are relative to (default: the one that holds "
            "all given folders).",
        ),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A wanted language of captions, the best first."),
    ] = None,
    prefer: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="manual, automatic or translated; the best first."),
    ] = None,
    caption_format: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT", help="json3, srv3, vtt, ...; the best first."),
    ] = None,
    metadata: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Facts to join by id: lines of yt-dlp -j, CSV or Parquet."
        ),
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(metavar="TEMPLATE", help='Where a video without a file is: "{id}.mp4".'),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=NAME", help="table: which column a field is, as id=video_id."),
    ] = None,
    as_captions: Annotated[
        bool, typer.Option("--as-captions", help="whisper: words as captions, for pre-training.")
    ] = False,
) -> int:
    """Turn downloads or a dump into shards of input lines, with a reason for all that is left out.

    A video is in the shard that its id decides. Run the same command again after downloading more:
    only the shards of videos that were added, changed or removed are written again. What is still
    being downloaded waits for the next time.

    \b
    Examples:
      livecc ingest /data/downloads --format ytdlp --shards 40 --output /data/shards
      livecc ingest raw_caption.json --format howto100m --shards 400 --output /data/shards

    Options that can be given several times are written as --language en --language de.
    """
    from livecc.sources.ingest import ingest as write

    options: dict[str, Any] = {
        "format": format,
        "paths": paths,
        "languages": language,
        "prefer": prefer,
        "caption_formats": caption_format,
        "metadata": metadata and [str(file) for file in metadata],
        "video": video,
        "columns": column and _columns(column),
        "as_captions": as_captions or None,
    }
    if video is not None and "{id}" not in video:
        raise typer.BadParameter(
            f"--video {video}: must contain {{id}}, or all videos are one file"
        )
    part = _part({key: value for key, value in options.items() if value is not None})
    if part.folder and videos is None:
        from livecc.sources.scan import folders_of

        videos = Path(os.path.commonpath([f.resolve() for f in folders_of(part.paths)]))
    with _progress() as told:
        report = write(
            [part],
            shards,
            output,
            name=name,
            suffix=_SUFFIXES[compress],
            mode=mode,
            videos_root=videos,
            told=told,
        )
    _say(report, output, videos)
    if not report.videos and not report.waiting:
        from livecc.terminal import say

        say(f"No video was found: is the format of these files {format}?")
        return 1
    return 0


def _columns(written: Iterable[str]) -> dict[str, str | None]:
    columns: dict[str, str | None] = {}
    for one in written:
        field, equals, column = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"--column {one}: must be FIELD=NAME, such as id=video_id")
        columns[field] = column or None
    return columns


def _part(options: dict[str, Any]) -> Any:
    import msgspec

    from livecc.configuration.messages import schema_problems
    from livecc.sources.options import PARTS, read_part

    kind = PARTS[options["format"]]
    _, schemas = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    try:
        return read_part(options)
    except msgspec.ValidationError:
        problems = schema_problems(options, {**schemas[kind.__name__], "$defs": schemas})
        told = "; ".join(problems)
        raise typer.BadParameter(f"{told} (format {options['format']})") from None


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on a terminal; nothing where standard error is a file."""
    import sys

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from livecc.terminal import new_console

    console = new_console(sys.stderr)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, count="")

        def told(doing: str, done: int, of: int | None) -> None:
            shown = f"{done:,}" if of is None else f"{done:,} of {of:,}"
            bar.update(task, description=doing, completed=done, total=of, count=shown)

        yield told


def _examples(report: Report, output: Path, most: int = 3) -> list[tuple[str, str]]:
    """(where, why) of some that were left out; of a file in another format there is no more."""
    from livecc.files.parquet import read_row_batches

    found: list[tuple[str, str]] = []
    if report.left_out:
        for shard in sorted((*report.written, *report.unchanged)):
            for row in read_row_batches(output / "left_out" / f"{shard}.parquet", most):
                found.append((row["path"] or f"the video {row['id']!r}", row["reason"]))
                if len(found) == most:
                    return found
    return found


def _say(report: Report, output: Path, videos: Path | None) -> None:
    from livecc.terminal import count, printable, say

    shards = count(len(report.written) + len(report.unchanged), "shard")
    say(
        f"{count(report.videos, 'video')} in {shards} in {output}: "
        f"{len(report.written):,} written, {len(report.unchanged):,} unchanged"
    )
    if report.problems:
        say(
            f"{report.problems:,} of them without usable captions; each line says why, and so does "
            "the table of videos of a run"
        )
    for reason, left in sorted(report.waiting.items(), key=lambda one: -one[1].count):
        examples = ", ".join(map(printable, left.examples[:2]))
        say(f"  {left.count:,} not listed, {printable(reason)}: {examples}")
    for reason, number in report.left_out.most_common():
        say(f"  {number:,} left out, {reason} (see {output / 'left_out'})")
    for path, reason in _examples(report, output):
        say(f"    {printable(path)}: {printable(reason)}")
    if videos is not None:
        say(f"Paths of videos are relative to {videos}.")
