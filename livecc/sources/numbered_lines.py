"""Lines of a dump, and what is wrong with those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from livecc.files.lines import BrokenFileError, read_lines
from livecc.formats.input_lines import TOO_LONG
from livecc.sources.registry import Bad


def numbered_lines(path: Path) -> Iterator[tuple[int, bytes] | Bad]:
    """(number from 1, line without its newline), or why a line or the rest of the file is lost.

    Raises LiveccError when the file cannot be opened.
    """
    number = 0
    try:
        for number, line in read_lines(path):
            yield Bad(f"line {number}", TOO_LONG) if line is None else (number, line)
    except BrokenFileError as error:
        yield Bad(f"line {number + 1}", str(error).removeprefix(f"{path}: "))
