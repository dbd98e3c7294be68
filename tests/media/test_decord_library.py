"""decord opens no CUDA libraries of other packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec._core
import pytest

ORDINARY = "import decord"
OURS = """
import sys
from livecc.media.decord_library import import_decord
before = dict(sys.modules)
decord = import_decord()
assert decord is import_decord()
assert sys.modules.get("nvidia") is before.get("nvidia")
import nvidia
"""


@pytest.mark.parametrize(("code", "opened"), [(ORDINARY, True), (OURS, False)])
def test_libraries_of_other_packages(tmp_path: Path, code: str, opened: bool) -> None:
    package = tmp_path / "nvidia" / "cu" / "lib"
    package.mkdir(parents=True)
    (tmp_path / "nvidia" / "__init__.py").touch()
    # Any library that is not open anyway will do.
    shutil.copy(msgspec._core.__file__, package / "libblas.so.13")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(open('/proc/self/maps').read())"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "libdecord" in told
    assert ("libblas.so.13" in told) is opened
