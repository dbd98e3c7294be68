from __future__ import annotations

import importlib
import math
import shutil
import sys
from pathlib import Path

import pytest

from livecc.stages.transcribe.cuda import load_cuda_libraries


def test_libraries_of_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of the C runtime, which the module math uses, stands in for that of CUDA."""
    assert math.sqrt(4) == 2
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert load_cuda_libraries() == []
    folder = tmp_path / "nvidia" / "cudnn" / "lib"
    folder.mkdir(parents=True)
    importlib.invalidate_caches()
    runtime = next(Path(line.split()[-1]) for line in mapped() if "libm.so" in line)
    shutil.copy(runtime, folder / "libcudnn.so.9")
    assert load_cuda_libraries() == ["libcudnn.so.9"]
    assert any(str(folder) in line for line in mapped())


def mapped() -> list[str]:
    """The files that are mapped into this process."""
    return Path("/proc/self/maps").read_text().splitlines()
