"""`livecc init`: a configuration for a folder and this machine."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            # `look` says so in its own words.
            readable=False,
            help="Downloads, caption files, a data set, or JSON lines; asked for if left out.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="YAML", help="The configuration to write.")
    ] = Path("my.yaml"),
    track: Annotated[
        Literal["pretrain", "sft", "both"] | None,
        typer.Option(metavar="TRACK", help="pretrain, sft, both; by default what fits."),
    ] = None,
    shards: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Number of shards; by default by size."),
    ] = None,
    results: Annotated[
        str, typer.Option(metavar="FOLDER", help="Where results will be.")
    ] = "results",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Look at a folder and write a configuration for it, and for this machine.

    The folder may hold what yt-dlp has downloaded, caption files, videos alone, the JSON of
    Whisper, one of the published data sets, or input lines. The file that is written
    has a comment for every choice. Nothing in the folder is changed.

    \b
    Examples:
      livecc init ~/downloads
      livecc init /data/talks --track sft --output talks.yaml
    """
    from livecc.configuration import nearest_folder
    from livecc.errors import LiveccError
    from livecc.files.atomic import write_bytes
    from livecc.files.paths import expanded
    from livecc.starting.look import in_words, look
    from livecc.starting.machine import has_slurm, this_machine
    from livecc.starting.write import choose, configuration_text
    from livecc.terminal import count, say

    if folder is None:
        if not sys.stdin.isatty():
            raise LiveccError("name the folder: livecc init FOLDER")
        folder = Path(typer.prompt("Folder of the videos, captions or data set"))
    folder = expanded(str(folder)).absolute()
    if re.search(r"[{}\n]", str(folder)):
        raise LiveccError(
            f"{folder}: Snakemake reads braces and line breaks in paths as wildcards; rename the "
            "folder, or give a link to it"
        )
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise LiveccError(f"{folder}: its name is not UTF-8; rename the folder") from None
    if output.is_dir():
        raise LiveccError(f"--output {output}: is a folder; name a file")
    if output.exists() and not force:
        raise LiveccError(f"{output} exists; write another one (--output) or replace it (--force)")
    place = nearest_folder(str(output.parent))
    if not place.is_dir() or not os.access(place, os.W_OK):
        why = "no permission" if place.is_dir() else "it is a file"
        raise LiveccError(f"--output {output}: cannot be written in {place} ({why})")
    if not results.strip():
        raise LiveccError("--results: name the folder where results will be")
    results_folder = expanded(results).absolute()
    if results_folder.resolve() == folder.resolve():
        raise LiveccError(
            f"--results {results}: is the folder of the videos itself; name another one, such as "
            f"{folder / 'results'}"
        )
    # What an earlier run has made is no input.
    found = look(folder, own=[results_folder])
    machine = this_machine()
    choices = choose(found, machine, track, shards)
    text = configuration_text(folder, found, machine, choices, results)
    write_bytes(output, text.encode())
    what = found.format or "input lines of the workflow"
    say(f"{folder}: {what} ({in_words(found.counts)})")
    divided = f", {count(choices.shards, 'shard')}" if choices.shards else ""
    say(f"{output}: {' and '.join(choices.tracks)}{divided}; {machine.describe()}")
    say("")
    say(f"Read it, then:  snakemake --configfile {output} --cores all")
    if has_slurm():
        say(
            "On this cluster:  livecc install-profile, then snakemake --profile slurm "
            f"--configfile {output}"
        )
