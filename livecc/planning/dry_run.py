"""Snakemake's dry run where nothing may be written: not in the working directory, nor in results.

Snakemake makes a folder `.snakemake` in its working directory, and refuses a dry run of jobs whose
output could not be replaced; it has no options for either. This library never imports Snakemake, so
the program is a text, for a process of its own.
"""

from __future__ import annotations

from pathlib import Path

_PROGRAM = """
import sys
from pathlib import Path

from snakemake import persistence
from snakemake.cli import main
from snakemake.jobs import Job

folder = Path(sys.argv[1], ".snakemake")
prepare = persistence.PersistenceBase.__init__


def elsewhere(self, *arguments, **options):
    prepare(self, *arguments, **{**options, "path": folder})


async def not_checked(self):
    pass


persistence.PersistenceBase.__init__ = elsewhere
Job.check_protected_output = not_checked
main([*sys.argv[2:], "--dry-run"])
"""


def program(folder: Path) -> list[str]:
    """The arguments of Python for a dry run that writes below `folder` alone."""
    return ["-c", _PROGRAM, str(folder)]
