"""Text of a data set on a terminal."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from livecc.errors import LiveccError
from livecc.terminal import (
    LogFormatter,
    count,
    new_console,
    plain_table,
    plural,
    printable,
    printable_lines,
    say,
)
from tests.support.places import REPOSITORY


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u0915\u094d\u200d\u0937 text", "plain \u0915\u094d\u200d\u0937 text"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("a\nb\rc\x00", "a\ufffdb\ufffdc\ufffd"),
        # Turns the reading direction around.
        ("a\u202eb", "a\ufffdb"),
    ],
)
def test_what_a_terminal_would_obey_is_not_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\x00\u202e\ud800"


@pytest.mark.parametrize("text", ["a b", "１\u3000２", "Bonjour\xa0!", "می\u200cخواهم"])
def test_what_languages_need_is_printed(text: str) -> None:
    assert printable(text) == printable_lines(text) == text


def test_lines_and_tabs_stay_where_there_may_be_several() -> None:
    assert printable_lines("a\tb\r\nc\n\n\x1bd\re") == "a\tb\nc\n\n\ufffdd\ufffde"


def test_say(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"a{HOSTILE}\nb")
    say(LiveccError(HOSTILE), to=sys.stderr)
    told = capsys.readouterr()
    assert told.out.startswith("a\ufffd[2J\ufffd]0;title\ufffd\ufffd31m")
    assert told.out.endswith("\nb\n")
    for line in f"{told.out}{told.err}".splitlines():
        assert line.isprintable()


def test_a_console_prints_what_is_said_as_it_is() -> None:
    """In texts, tables, headings and wherever else rich puts a text."""
    file = io.StringIO()
    console = new_console(file, width=60, force_terminal=True, color_system="standard")
    table = plain_table("what", right=("n",))
    table.add_row(f"[red]cell :smile:{HOSTILE}", "1")
    console.print(table)
    console.print(f"[bold]text{HOSTILE}")
    console.print(Group(Text(f"styled{HOSTILE}", style="bold"), Padding(Text(HOSTILE), 1)))
    console.rule(f"heading{HOSTILE}")
    console.print(f"soft{HOSTILE}", soft_wrap=True)
    text = file.getvalue()
    assert "[red]cell :smile:\ufffd[2J" in text
    # Its own styles are all that is left.
    assert "\x1b[1mstyled" in text
    own = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(line.isprintable() for line in own.splitlines())


def test_a_log_holds_no_line_that_a_message_forged() -> None:
    record = logging.LogRecord(
        "x", logging.INFO, "", 0, "waiting for %s", (f"a{HOSTILE}\n12:00:00 done",), None
    )
    lines = LogFormatter().format(record).split("\n")
    assert re.match(r"\d\d:\d\d:\d\d waiting for a\ufffd\[2J", lines[0])
    assert lines[1] == "    12:00:00 done"
    assert all(line.isprintable() for line in lines)


def test_every_way_out_of_a_command(tmp_path: Path) -> None:
    """An error for the user, a fault of ours, and a log line, in a process of its own."""
    script = tmp_path / "script.py"
    script.write_text(
        "import argparse, logging, sys\n"
        "from livecc import cli\n"
        "from livecc.errors import LiveccError\n"
        "def main(options):\n"
        f"    logging.getLogger('livecc').warning('log %s', {HOSTILE!r})\n"
        f"    raise {{'error': LiveccError, 'fault': ValueError, 'os': OSError}}"
        f"[options.kind]('told' + {HOSTILE!r})\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('kind')\n"
        "cli.run(main, parser)\n"
    )
    for kind in ("error", "fault", "os"):
        done = subprocess.run(
            [sys.executable, str(script), kind],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        text = done.stderr.decode()
        assert done.returncode == 1
        assert "log \ufffd[2J" in text
        assert "told\ufffd[2J" in text
        assert ("Traceback" in text) == (kind != "error")
        assert all(line.isprintable() for line in text.split("\n"))


def test_counts() -> None:
    assert [count(n, "job") for n in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]
    assert [plural(n, "more failure") for n in (1, 2)] == ["more failure", "more failures"]
