"""Where the project lies."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "scripts"
#: The program, of this checkout.
LIVECC = (sys.executable, "-m", "livecc.commands")
