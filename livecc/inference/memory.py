"""Running out of memory, on the CPU and on CUDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of a forward pass means out of memory."""
    import torch

    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        sign in text
        for sign in (
            "not enough memory",
            "can't allocate memory",
            "Cannot allocate memory",
            "out of memory",
            "ALLOC_FAILED",
        )
    )


def within_memory(run: Callable[[], T], device: torch.device) -> T | None:
    """What `run` returns, or None when memory ran out; cached blocks are freed then."""
    try:
        return run()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # After the handler: the exception keeps the tensors of the failed attempt alive.
    free_memory(device)
    return None


def free_memory(device: torch.device) -> None:
    """Release cached blocks after an out-of-memory error."""
    import gc

    import torch

    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
