"""`livecc shard`: split a large input file into shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import ShardCount, ShardFolder, ShardPrefix, one_of


def suffixes() -> Iterable[str]:
    """The suffixes of JSON-lines files."""
    from livecc.files.lines import JSON_LINES_SUFFIXES

    return JSON_LINES_SUFFIXES


def shard(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT", help="JSON-lines files, also as .gz or .zst."),
    ],
    shards: ShardCount,
    output: ShardFolder,
    prefix: ShardPrefix = "shard",
    suffix: Annotated[
        str,
        typer.Option(
            metavar="SUFFIX",
            help="The end of their names: .jsonl, or .jsonl.gz or .jsonl.zst to compress them.",
            **one_of(suffixes),
        ),
    ] = ".jsonl",
) -> int:
    """Split input files into shards, which the workflow processes in parallel.

    A shard is one job per stage, so choose N such that a shard is a few minutes of work. A hash of
    its id assigns each video to a shard. If you append videos to the input and run the same command
    again, only the shards with new videos are rewritten and processed again.

    \b
    Example:
      livecc shard captions.jsonl --shards 200 --output /data/shards

    The exit status is 1 if lines were left out; these lines are printed.
    """
    from livecc.formats.shard_input import shard_input
    from livecc.terminal import count, printable, say

    report = shard_input(inputs, output, shards, prefix, suffix)
    for file, line, reason in report.bad:
        say(printable(f"{file}, line {line}: {reason}; left out"))
    say(
        f"{count(report.videos, 'video')} in {count(shards, 'shard')} in {output}: "
        f"{len(report.written)} written, {len(report.unchanged)} unchanged"
    )
    return 1 if report.bad else 0
