"""Shared by the GPU benchmarks: timing, the ceiling, and a breakdown of GPU time.

Everything also works on the CPU, so that benchmarks can be tested without a GPU.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: Parts of kernel names by kind of work; the first match counts.
_KINDS = (
    ("attention", ("fmha", "flash", "attention", "softmax")),
    ("matrix products", ("gemm", "nvjet", "cutlass", "xmma", "matmul", "splitK")),
    ("copies to and from the host", ("Memcpy HtoD", "Memcpy DtoH")),
)


def synchronize(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(run: Callable[[], object], device: torch.device, times: int) -> float:
    """Median seconds of `run`, including all work on the device."""
    taken = []
    for _ in range(times):
        synchronize(device)
        began = time.perf_counter()
        run()
        synchronize(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def matrix_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product of random numbers: the ceiling."""
    import torch

    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b

    def several() -> None:
        for _ in range(4):
            a @ b

    return 4 * 2 * side**3 / seconds(several, device, 5)


def device_name(device: torch.device) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


def peak_gigabytes(device: torch.device, *, reset: bool = False) -> float:
    """Peak memory that torch used on the device since the last reset."""
    import torch

    if device.type != "cuda":
        return 0.0
    peak = torch.cuda.max_memory_allocated(device) / 1e9
    if reset:
        torch.cuda.reset_peak_memory_stats(device)
    return peak


def where_time_goes(run: Callable[[], object], device: torch.device) -> str:
    """Shares of wall-clock time in which kernels of each kind, and none, ran on the device."""

    if device.type != "cuda":
        return "no GPU"
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    took = seconds(run, device, 1)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        run()
        synchronize(device)
    spent: dict[str, float] = {}
    others: dict[str, float] = {}
    launches = 0
    for event in profiler.events():
        if event.device_type != DeviceType.CUDA:
            continue
        launches += 1
        kind = next(
            (kind for kind, signs in _KINDS if any(sign in event.name for sign in signs)), "others"
        )
        took_it = event.time_range.elapsed_us() / 1e6
        spent[kind] = spent.get(kind, 0.0) + took_it
        if kind == "others":
            others[event.name] = others.get(event.name, 0.0) + took_it
    shares = sorted(spent.items(), key=lambda pair: -pair[1])
    told = [f"{kind} {part / took:.0%}" for kind, part in shares]
    # The profiler slows down the host, so kernels are compared with the time without it.
    idle = max(0.0, 1 - sum(spent.values()) / took)
    told.append(f"none {idle:.0%} ({launches} kernels in {took:.3f} s)")
    most = sorted(others.items(), key=lambda pair: -pair[1])[:4]
    named = [f"\n      of the others {part / took:.1%}: {name[:150]}" for name, part in most]
    return ", ".join(told) + "".join(named)


def language_model_operations(config: Any, tokens: int, pairs: int, logits: int) -> float:
    """Operations of a Qwen2: `tokens` read, `pairs` of attention, `logits` positions."""
    hidden = config.hidden_size
    head = hidden // config.num_attention_heads
    keys = head * config.num_key_value_heads
    per_token = 2 * hidden**2 + 2 * hidden * keys + 3 * hidden * config.intermediate_size
    layers = config.num_hidden_layers
    return 2.0 * (
        layers * (tokens * per_token + 2 * pairs * hidden) + logits * hidden * config.vocab_size
    )
