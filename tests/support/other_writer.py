"""Another process that writes into a results folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.places import REPOSITORY

_HOLD = """
import sys
from livecc.formats.layout import Layout
from livecc.running.results_lock import ResultsLock

ResultsLock(Layout(sys.argv[1])).acquire(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def hold(results: Path | str, executor: str, folder: Path) -> subprocess.Popen[str]:
    """A process, started in `folder`, that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(results), executor],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process
