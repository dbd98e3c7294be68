"""Jobs find the library of the checkout that runs them, whatever is installed in their Python."""

from __future__ import annotations

import shlex

from livecc.files.yaml_files import REPOSITORY

_PLACE = shlex.quote(str(REPOSITORY))
#: In a shell of jobs: this checkout first on Python's path.
EXPORT_LIBRARY = f"export PYTHONPATH={_PLACE}${{PYTHONPATH:+:$PYTHONPATH}}"


def with_library(command: str) -> str:
    """A shell command of a job, such that it finds the library in any shell."""
    return f"PYTHONPATH={_PLACE} {command}"
