"""The commands of the documents, as they stand there."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.places import REPOSITORY

DOCUMENTS = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "benchmarks" / "README.md",
    REPOSITORY / "demo" / "README.md",
]
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SHELLS = ("sh", "bash", "shell", "console")


@dataclass(frozen=True)
class Command:
    """The words of a command, and the document that it is in."""

    document: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return Path(self.words[0]).name

    @property
    def arguments(self) -> list[str]:
        return list(self.words[1:])

    def __str__(self) -> str:
        return f"{self.document}: {shlex.join(self.words)}"


def blocks(*languages: str) -> list[tuple[str, str]]:
    """(document, text) of every fenced block in one of the languages."""
    found = []
    for path in DOCUMENTS:
        for _, language, text in _BLOCK.findall(path.read_text(encoding="utf-8")):
            if language in languages:
                found.append((str(path.relative_to(REPOSITORY)), textwrap.dedent(text)))
    return found


def scripts() -> list[tuple[str, str]]:
    """(document, text) of every block for a shell."""
    return blocks(*_SHELLS)


def commands() -> list[Command]:
    """Every command of every block for a shell, and those in a command line that it is given."""
    found = []
    for document, text in scripts():
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                found.append(Command(document, tuple(words)))
            if "--wrap" in words:
                inner = shlex.split(words[words.index("--wrap") + 1])
                found.append(Command(document, tuple(inner[inner[0] == "exec" :])))
    return found


def named(program: str) -> list[Command]:
    """Commands of a program between backquotes in a line of text."""
    found = []
    for path in DOCUMENTS:
        text = _BLOCK.sub("", path.read_text(encoding="utf-8"))
        for span in re.findall(r"`([^`\n]+)`", text):
            if span.split()[0] == program:
                document = str(path.relative_to(REPOSITORY))
                found.append(Command(document, tuple(shlex.split(span))))
    return found
