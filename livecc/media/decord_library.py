"""decord, imported without the CUDA libraries that lie beside it.

decord2 (3.4) opens every shared library of the packages `nvidia-*`, which come with builds of torch
for CUDA, for all to see, although its own builds on package indices decode on the CPU alone. One of
them, NVBLAS, takes the place of the CPU's matrix products: a process that imports torch afterwards
crashes in its first one. They also take seconds and memory in each decoding process.
"""

from __future__ import annotations

import sys
from typing import Any

#: The package under which they lie.
_LIBRARIES = "nvidia"


def import_decord() -> Any:
    """The module `decord`. Raises ImportError where it is not installed."""
    if "decord" not in sys.modules:
        before = sys.modules.get(_LIBRARIES)
        # What is None there cannot be found, which decord takes for not installed.
        sys.modules[_LIBRARIES] = None  # type: ignore[assignment]
        try:
            import decord
        finally:
            if before is None:
                del sys.modules[_LIBRARIES]
            else:
                sys.modules[_LIBRARIES] = before
        return decord
    return sys.modules["decord"]
