"""CUDA libraries for CTranslate2, which looks for those of CUDA 12 on the loader's path only."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

#: Package of PyPI's nvidia-cublas-cu12 and nvidia-cudnn-cu12 -> the library CTranslate2 asks for.
_LIBRARIES = {"nvidia.cublas": "libcublas.so.12", "nvidia.cudnn": "libcudnn.so.9"}


def load_cuda_libraries() -> list[str]:
    """Load those that are installed as PyPI packages, so that they are found by their names.

    Returns the names of what was loaded.
    """
    loaded = []
    for package, name in _LIBRARIES.items():
        for path in (folder / "lib" / name for folder in _folders(package)):
            if path.is_file():
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
                loaded.append(name)
    return loaded


def _folders(package: str) -> list[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return []
    return [] if spec is None else [Path(place) for place in spec.submodule_search_locations or ()]
