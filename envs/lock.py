#!/usr/bin/env python3
"""What `make` asks of the lock files in envs/locks/ before anything is installed.

    python envs/lock.py covers cpu
    python envs/lock.py show cpu --without-torch > requirements.txt

Uses the standard library alone, because it runs with the Python that has no packages yet.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "locks"

#: The Pythons and machines for which `make locks` finds a wheel of every package (or its source,
#: where that needs no compiler).
PYTHONS = ((3, 11), (3, 12), (3, 13))
MACHINES = {
    "cpu": ("x86_64", "aarch64"),
    "cuda": ("x86_64",),
    "dev": ("x86_64", "aarch64"),
}
#: Linux with this glibc or a later one.
GLIBC = (2, 28)

#: torch, and what only its CUDA builds need. Builds differ between indexes, and so do their hashes.
_OF_TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")


@dataclass(frozen=True)
class Pin:
    """A package of a lock: `requirement` is its exact version, with a marker if it has one."""

    name: str
    requirement: str
    hashes: tuple[str, ...]

    @property
    def is_of_torch(self) -> bool:
        return _OF_TORCH.fullmatch(self.name) is not None

    def text(self, *, hashes: bool) -> str:
        """As it stands in a requirements file."""
        options = [f"--hash={digest}" for digest in self.hashes] if hashes else []
        return " \\\n    ".join([self.requirement, *options])


def read(text: str) -> Iterator[Pin]:
    """The pins of a lock file, in order. Raises ValueError for a line that is none."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, joined.splitlines())):
        requirement, *hashes = re.split(r"\s+--hash=", line)
        name = re.match(r"([a-z0-9]+(?:-[a-z0-9]+)*)==\S", requirement)
        if name is None:
            raise ValueError(f"not an exact version: {line[:80]}")
        yield Pin(name[1], requirement.strip(), tuple(hashes))


def covers(lock: str) -> bool:
    """Whether a lock holds for this Python and this machine."""
    return (
        sys.implementation.name == "cpython"
        and sys.version_info[:2] in PYTHONS
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
        and sys.platform == "linux"
        and platform.machine() in MACHINES[lock]
        and _glibc() >= GLIBC
    )


def platforms(lock: str) -> Iterator[str]:
    """All that a lock covers, in the words of uv: platform and Python."""
    tag = "manylinux_{}_{}".format(*GLIBC)
    for machine, (major, minor) in product(MACHINES[lock], PYTHONS):
        yield f"{machine}-{tag} {major}.{minor}"


def _glibc() -> tuple[int, ...]:
    """The version of glibc; (0,) for another C library."""
    library, version = platform.libc_ver()
    return tuple(map(int, version.split("."))) if library == "glibc" else (0,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    covered = commands.add_parser("covers", help="print yes if a lock holds here, else nothing")
    listed = commands.add_parser("platforms", help="list platforms and Pythons that a lock covers")
    shown = commands.add_parser("show", help="print a lock, or a part of it")
    for command in (covered, listed, shown):
        command.add_argument("lock", choices=sorted(MACHINES))
    shown.add_argument("--only", nargs="+", metavar="PACKAGE")
    shown.add_argument("--without-torch", action="store_true", help="nor what only torch needs")
    shown.add_argument("--without-hashes", action="store_true")
    options = parser.parse_args()
    if options.command == "covers":
        print("yes" if covers(options.lock) else "")
    elif options.command == "platforms":
        print("\n".join(platforms(options.lock)))
    else:
        for pin in read((LOCKS / f"{options.lock}.txt").read_text(encoding="utf-8")):
            wanted = options.only is None or pin.name in options.only
            if wanted and not (options.without_torch and pin.is_of_torch):
                print(pin.text(hashes=not options.without_hashes))


if __name__ == "__main__":
    main()
