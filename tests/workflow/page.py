"""The examples of docs/extending.md, as they stand there, installed by pip."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.places import REPOSITORY

PAGE = REPOSITORY / "docs" / "extending.md"
_EXAMPLE = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The text of each file that the page shows.
FILES: dict[str, str] = dict(_EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def install_page(folder: Path) -> Path:
    """Install the page's package; the folder in which Python finds it."""
    source, target = folder / "livecc-lectures", folder / "site"
    for path, text in FILES.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    # Its build requirement is here already: no index is asked.
    command += ["--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run(command, check=True)
    return target
