"""Text for people: the one way out to the terminal and to logs.

What data sets, services and other users wrote may hold characters that a terminal obeys: they
overwrite what stands there, set its title, fill the clipboard. So everything leaves by `say`, by a
`new_console`, or by a logger with a `LogFormatter`, which replace them (`make lint` forbids `print`
and rich's own consoles). Only a text in which a line break would forge a line of ours, such as a
title in a list, is given to `printable` first.
"""

from __future__ import annotations

import difflib
import logging
import sys
import traceback
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TextIO

_REPLACED = "\ufffd"
# Joiners, without which Persian, Indic scripts and emoji are not what was written.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """`text` on one line, with U+FFFD for each control character, line break, mark of direction and
    other character that cannot be seen."""
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) else _REPLACED for c in text)


def _is_shown(character: str) -> bool:
    return (
        character.isprintable()
        or character in _JOINERS
        # Spaces of other widths, which languages need.
        or unicodedata.category(character) == "Zs"
    )


def printable_lines(text: str) -> str:
    """`text` with its line breaks and tabs, and everything else as `printable` has it."""
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in lines)


def say(text: object = "", *, to: TextIO | None = None) -> None:
    """Print `text`; `to`: sys.stderr for what is no answer (by default sys.stdout)."""
    print(printable_lines(str(text)), file=sys.stdout if to is None else to)


def new_console(file: TextIO | None = None, **options: Any) -> Any:
    """A `rich.console.Console` that prints text as it is: no markup, no emoji names, no colours of
    its own, and nothing of it that a terminal obeys.

    `file`: by default sys.stdout; `options`: others of rich's console.
    """
    as_it_is = {"markup": False, "emoji": False, "highlight": False}
    return _console_class()(file=file, **{**as_it_is, **options})


@cache
def _console_class() -> Any:
    # Imported here, because most command lines print nothing with it.
    from rich.console import Console  # noqa: TID251
    from rich.segment import Segment

    class PrintableConsole(Console):
        """Replaces characters in text; segments of control codes are rich's own."""

        def render(self, renderable: Any, options: Any = None) -> Any:
            for segment in super().render(renderable, options):
                if segment.control or segment.text.isprintable() or segment.text == "\n":
                    yield segment
                else:
                    yield Segment(printable_lines(segment.text), segment.style)

    return PrintableConsole


class LogFormatter(logging.Formatter):
    """Formats a record with its time; whatever follows its first line is indented, so that no text
    within a message looks like another message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record)).replace("\n", "\n    ")


def say_exception(error: BaseException) -> None:
    """Print the traceback of a fault of ours; its message may hold anything."""
    say("".join(traceback.format_exception(error)).rstrip("\n"), to=sys.stderr)


def count(number: int, noun: str) -> str:
    """`number` and `noun`, in the plural unless the number is one."""
    return f"{number:,} {plural(number, noun)}"


def plural(number: int, noun: str) -> str:
    """`noun`, in the plural unless `number` is one."""
    return noun if number == 1 else f"{noun}s"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """ " (did you mean 'x'?)" for the most similar name; "" when none is similar."""
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {match[0]!r}?)" if match else ""


def plain_table(*left: str, right: Sequence[str] = (), gap: int = 1, fold: bool = False) -> Any:
    """A `rich.table.Table` without lines: columns of text, then columns of numbers on the right.

    `gap` is the minimum number of spaces between columns. `fold` breaks long text of all but the
    first column into lines.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="", padding=(0, gap, 0, 0))
    for number, name in enumerate(left):
        table.add_column(name, no_wrap=not (fold and number), overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
