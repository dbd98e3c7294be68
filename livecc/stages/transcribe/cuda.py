"""CUDA libraries for CTranslate2, which only searches the loader path, and only for CUDA 12."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

#: Package of PyPI's nvidia-cublas-cu12 and nvidia-cudnn-cu12 -> the library that CTranslate2 loads.
_LIBRARIES = {"nvidia.cublas": "libcublas.so.12", "nvidia.cudnn": "libcudnn.so.9"}


def load_cuda_libraries() -> list[str]:
    """Load the libraries installed as PyPI packages, so that CTranslate2 finds them by name.

    Returns the names of the loaded libraries.
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
