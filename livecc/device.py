"""Where models run."""

from __future__ import annotations

from livecc.errors import LiveccError


def prepare_torch(device: str, threads: int) -> str:
    """ "cpu" or "cuda" for `device` (auto: CUDA where there is one); sets torch's CPU threads.

    Raises LiveccError when CUDA is asked for and there is none.
    """
    import torch

    torch.set_num_threads(max(1, threads))
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise LiveccError(
            "device: cuda was asked for, but torch sees no CUDA device; "
            "set device: cpu or auto, or install a CUDA build of torch"
        )
    return "cuda" if available and device != "cpu" else "cpu"
