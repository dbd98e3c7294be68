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
            help="A released file, its manifest, or a folder (for all manifests below it).",
        ),
    ],
) -> int:
    """Check that training files and exports match their manifests: size, sha256, samples.

    Use it after copying or downloading them. The workflow writes a manifest next to every training
    file, table of samples and card; those of exports also say of which training files they are.

    \b
    Examples:
      livecc verify /data/livecc
      livecc verify livecc_pretrain_default_with_seeks.jsonl

    The exit status is 1 if something differs.
    """
    from livecc.errors import LiveccError
    from livecc.selecting.verify import manifests
    from livecc.selecting.verify import verify as problems_of
    from livecc.terminal import printable, say

    paths = manifests(places)
    problems: list[str] = []
    for path in paths:
        try:
            problems += problems_of(path)
        except LiveccError as error:
            # The others are checked all the same.
            problems.append(str(error))
    for problem in problems:
        say(printable(problem))
    say(f"manifests checked: {len(paths)}, problems: {len(problems)}")
    return 1 if problems else 0
