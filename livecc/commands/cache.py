"""`livecc cache`: manage a score cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livecc.commands.arguments import files_of, register

Cache = Annotated[
    Path,
    typer.Argument(metavar="CACHE", help="The folder of the score cache, such as results/cache."),
]

cache = typer.Typer(
    name="cache",
    short_help="Show the score cache, remove scores that are no longer used, transfer it to "
    "another machine.",
    help="""
    Manage a score cache: show its contents, remove scores that are no longer used, and transfer it
    to another machine.

    The score cache stores the score of every item that a model has scored, so that nothing is
    scored twice. It is the folder `cache` in the results, or the one that `score_cache` in the
    configuration specifies.
    """,
    rich_markup_mode=None,
    no_args_is_help=True,
)


def show(
    cache: Cache,
    results: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER",
            help="Results of a run: show how many of its scores came from the cache. May be "
            "repeated.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
) -> None:
    """Show the contents of a cache: items, files, sizes and age by stage and settings.

    Scores of a stage with different models or settings are stored in separate folders. Each folder
    is one line; its settings are listed below.

    \b
    Example:
      livecc cache show results/cache --results results
    """
    import sys

    from livecc.maintenance.report import (
        console_for,
        hit_rates,
        print_hit_rates,
        print_report,
        report,
    )

    console = console_for(sys.stdout)
    print_report(console, cache, report(cache))
    for folder in results:
        print_hit_rates(console, folder, hit_rates(folder))


def days(text: str) -> float:
    """Parse a number of days; rejects NaN, for which every comparison is false."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not value >= 0:
        raise typer.BadParameter(f"{text!r}: must be a number, at least 0")
    return value


def prune(
    cache: Cache,
    config: Annotated[
        list[str],
        typer.Option(
            metavar="YAML...",
            help="The files of a configuration whose scores are kept. Repeat it for each "
            "configuration that is still in use.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    older_than: Annotated[
        float | None,
        typer.Option(
            metavar="DAYS",
            parser=days,
            help="Only remove scores to which nothing was added for this many days.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove the scores; otherwise they are only listed.")
    ] = False,
) -> None:
    """List the scores that are no longer used; with --yes, remove them.

    State which scores to remove: those that none of the given configurations uses (--config), those
    to which nothing was added for some time (--older-than), or those that meet both conditions.
    Removed scores have to be computed again when needed, so check the list first.

    \b
    Examples:
      livecc cache prune results/cache --config my.yaml --config presets/paper.yaml their.yaml
      livecc cache prune results/cache --older-than 90 --yes
    """
    import sys

    from livecc import configuration
    from livecc.errors import LiveccError
    from livecc.maintenance.prune import left_behind, print_removable, removable, remove, used_by
    from livecc.maintenance.report import console_for

    if not config and older_than is None:
        raise LiveccError("prune: state which scores to remove: --config, --older-than, or both")
    used = used_by(map(configuration.load, files_of(config))) if config else None
    found = removable(cache, used, older_than)
    rest = left_behind(cache)
    if yes:
        remove([one.folder for one in found], rest)
    print_removable(
        console_for(sys.stdout),
        cache,
        found,
        rest,
        used.untold if used is not None else (),
        removed=yes,
    )


def export(
    cache: Cache,
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="The file to write, such as scores.tar.zst.")
    ],
) -> None:
    """Pack a cache into one file, for transfer to another machine or as a backup.

    \b
    Example:
      livecc cache export results/cache scores.tar.zst
    """
    from rich.filesize import decimal

    from livecc.maintenance.archive import export_cache
    from livecc.terminal import count, say

    counts = export_cache(cache, archive)
    size, packed = decimal(counts.bytes), decimal(archive.stat().st_size)
    say(f"{archive}: {count(counts.files, 'file')}, {size} packed into {packed}")


def import_(
    cache: Cache,
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="A file that `livecc cache export` wrote.")
    ],
    max_total_mb: Annotated[
        int | None,
        typer.Option(
            metavar="MB",
            min=1,
            help="The most that all files may unpack to (default: 200 times the size of the "
            "archive, and at least 1074).",
            show_default=False,
        ),
    ] = None,
    max_member_mb: Annotated[
        int, typer.Option(metavar="MB", min=1, help="The most that one file may unpack to.")
    ] = 16_000,
    max_manifest_mb: Annotated[
        int, typer.Option(metavar="MB", min=1, help="The largest list of files.")
    ] = 64,
) -> None:
    """Add the scores of an archive to a cache; existing scores are kept.

    Everything is checked before anything is added: names, sizes, checksums, and each line. The
    limits protect the disk and the memory from an archive that is made to fill them.

    \b
    Example:
      livecc cache import results/cache scores.tar.zst
    """
    from rich.filesize import decimal

    from livecc.maintenance.archive import Limits, import_cache
    from livecc.terminal import count, say

    limits = Limits(
        manifest=max_manifest_mb * 10**6,
        member=max_member_mb * 10**6,
        total=None if max_total_mb is None else max_total_mb * 10**6,
    )
    counts = import_cache(archive, cache, limits)
    say(
        f"{cache}: {count(counts.files, 'file')} added ({decimal(counts.bytes)}), "
        f"{counts.there} already present"
    )


register(cache, show)
register(cache, prune)
register(cache, export)
register(cache, import_, "import")
