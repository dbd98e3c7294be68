"""Where models run, and in which number format."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from livecc.errors import LiveccError

_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/dxg")


def resolve_device(device: str, *, by_torch: bool = True) -> str:
    """ "cpu" or "cuda" for `device`; "auto" is CUDA where torch and the machine have it.

    Does not import torch: a job that finds all its scores in the cache must not pay for that, but
    the device decides the number format, which is part of the cache's fingerprint. An engine that
    does not run on torch (`by_torch` False) needs only the machine to have it.
    """
    if device != "auto":
        return device
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
    has_device = any(Path(path).exists() for path in _NVIDIA_DEVICES)
    has_build = not by_torch or _torch_has_cuda()
    return "cuda" if visible and has_device and has_build else "cpu"


def _torch_has_cuda() -> bool:
    """Whether the installed torch is a CUDA build, as its version file says."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    text = (Path(spec.origin).parent / "version.py").read_text(encoding="utf-8")
    return re.search(r"^cuda\b.*=\s*['\"]", text, re.MULTILINE) is not None


def resolve_dtype(dtype: str, device: str) -> str:
    """The number format of a model's weights: "auto" is bfloat16 on CUDA, float32 on the CPU."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if device == "cuda" else "float32"


def prepare_torch(device: str, threads: int) -> None:
    """Set torch's CPU threads and check that it can use `device` ("cpu" or "cuda").

    Raises LiveccError when CUDA is asked for and torch sees none.
    """
    import torch

    torch.set_num_threads(max(1, threads))
    if device == "cuda" and not torch.cuda.is_available():
        raise LiveccError(
            "torch sees no CUDA device; set device: cpu, or install a CUDA build of torch that "
            "fits the driver (make setup TORCH=cuda)"
        )
