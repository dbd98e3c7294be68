#!/usr/bin/env python3
"""Look at a score cache, remove what is no longer used, carry it to another machine."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livecc import cli
from livecc.errors import LiveccError


def show(options: argparse.Namespace) -> None:
    from livecc.cache_report import console_for, hit_rates, print_hit_rates, print_report, report

    console = console_for(sys.stdout)
    print_report(console, options.cache, report(options.cache))
    for results in options.results:
        print_hit_rates(console, results, hit_rates(results))


def prune(options: argparse.Namespace) -> None:
    from livecc import config
    from livecc.cache_prune import left_behind, print_removable, removable, remove, used_by
    from livecc.cache_report import console_for

    if not options.config and options.older_than is None:
        raise LiveccError("prune: say which scores may go: --config, --older-than, or both")
    used = used_by(map(config.load, options.config)) if options.config else None
    found = removable(options.cache, used, options.older_than)
    rest = left_behind(options.cache)
    if options.yes:
        remove([one.folder for one in found], rest)
    print_removable(
        console_for(sys.stdout),
        options.cache,
        found,
        rest,
        used.untold if used is not None else (),
        removed=options.yes,
    )


def export(options: argparse.Namespace) -> None:
    from rich.filesize import decimal

    from livecc.cache_archive import export_cache

    counts = export_cache(options.cache, options.archive)
    size = options.archive.stat().st_size
    print(
        f"{options.archive}: {counts.files} files, {decimal(counts.bytes)} packed into "
        f"{decimal(size)}"
    )


def import_(options: argparse.Namespace) -> None:
    from rich.filesize import decimal

    from livecc.cache_archive import import_cache

    counts = import_cache(options.archive, options.cache)
    print(
        f"{options.cache}: {counts.files} files added ({decimal(counts.bytes)}), "
        f"{counts.there} were there already"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, main: Callable[[argparse.Namespace], None], text: str) -> Any:
        """A sub-command on one cache."""
        part = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        part.add_argument("cache", type=Path, metavar="CACHE", help="folder of the score cache")
        part.set_defaults(main=main)
        return part

    part = command("show", show, "what the cache holds, by stage and settings")
    part.add_argument(
        "--results",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="results of a run: show how much of it came from the cache; may be repeated",
    )
    part = command(
        "prune", prune, "list the scores that are no longer used; with --yes, remove them"
    )
    part.add_argument(
        "--config",
        action="append",
        default=[],
        nargs="+",
        type=Path,
        metavar="YAML",
        help="the files of a configuration whose scores stay; may be repeated",
    )
    part.add_argument(
        "--older-than",
        type=cli.at_least(0.0),
        metavar="DAYS",
        help="only scores to which nothing was added for so long",
    )
    part.add_argument("--yes", action="store_true", help="remove what would be listed")
    part = command("export", export, "pack the cache into one file")
    part.add_argument("archive", type=Path, metavar="ARCHIVE", help="the file, such as x.tar.zst")
    part = command("import", import_, "add the scores of an archive to the cache")
    part.add_argument("archive", type=Path, metavar="ARCHIVE")
    cli.run(lambda options: options.main(options), parser)
