"""Device and number format of models."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from livecc.errors import LiveccError

if TYPE_CHECKING:
    import torch

_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/dxg")


def resolve_device(device: str, *, by_torch: bool = True) -> str:
    """ "cpu" or "cuda" for `device`; "auto" is CUDA where torch and the machine have it.

    Does not import torch, which would slow down jobs that find all scores in the cache; they need
    the device because the number format is part of the fingerprint. For an engine without torch
    (`by_torch` False), only the machine must have CUDA.
    """
    if device != "auto":
        return device
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
    has_device = any(Path(path).exists() for path in _NVIDIA_DEVICES)
    has_build = not by_torch or _torch_has_cuda()
    return "cuda" if visible and has_device and has_build else "cpu"


def _torch_has_cuda() -> bool:
    """Whether the installed torch is a CUDA build, according to its version file."""
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


def torch_device(name: str) -> torch.device:
    """The torch device called `name`: "cpu", "cuda" or "cuda:<index>".

    Raises LiveccError for any other name, and for CUDA where torch sees no GPU.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise LiveccError(f"device {name!r}: must be cpu, cuda or cuda:<index>") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise LiveccError(
            f"device {name!r}: torch finds no CUDA GPU; set device: cpu, or install a CUDA build "
            "of torch that fits the driver (make setup TORCH=cuda)"
        )
    return device


def prepare_torch(device: str, threads: int) -> None:
    """Set torch's CPU threads and check that it can use `device`.

    Raises LiveccError as `torch_device` does.
    """
    import torch

    torch.set_num_threads(max(1, threads))
    torch_device(device)
    # Otherwise cuDNN rounds the factors of float32 convolutions to 10 bits.
    torch.backends.cudnn.allow_tf32 = False
