"""`livecc verify`: do released files match their manifests?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="PLACE",
            help="A training file, its manifest, or a folder (for all manifests below it).",
        ),
    ],
) -> int:
    """Check that training files match their manifests: size, sha256, number of samples.

    Use it after copying or downloading training files. The workflow writes a manifest next to every
    training file.

    \b
    Examples:
      livecc verify /data/livecc
      livecc verify livecc_pretrain_default_with_seeks.jsonl

    The exit status is 1 if something differs.
    """
    from livecc.selecting.manifest import manifests
    from livecc.selecting.manifest import verify as problems_of
    from livecc.terminal import printable, say

    paths = manifests(places)
    problems = [problem for path in paths for problem in problems_of(path)]
    for problem in problems:
        say(printable(problem))
    say(f"manifests checked: {len(paths)}, problems: {len(problems)}")
    return 1 if problems else 0
