"""What a machine has: processors, memory, GPUs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from livecc.inference.device import resolve_device

_ASK_SECONDS = 20


@dataclass(frozen=True)
class Machine:
    """`cores`: that may be used; `memory_gb`: 0 if unknown; `gpu`: its name, None without one that
    can be used; `gpu_gb`: memory of the smallest GPU; `gpus`: their number."""

    cores: int
    memory_gb: float
    gpu: str | None = None
    gpu_gb: float = 0.0
    gpus: int = 0

    def describe(self) -> str:
        """In words."""
        memory = f", {self.memory_gb:.0f} GB of memory" if self.memory_gb else ""
        processors = f"{self.cores} processor{'s' if self.cores > 1 else ''}{memory}"
        if self.gpu is None:
            return f"{processors}, no GPU"
        return f"{processors}, {self.gpus} x {self.gpu} of {self.gpu_gb:.0f} GB"


def this_machine() -> Machine:
    """The machine that this runs on."""
    cores = len(os.sched_getaffinity(0))
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (OSError, ValueError):
        memory = 0.0
    gpus = _gpus() if resolve_device("auto") == "cuda" else []
    if not gpus:
        return Machine(cores, memory)
    return Machine(cores, memory, gpus[0][0], min(size for _, size in gpus), len(gpus))


def _gpus() -> list[tuple[str, float]]:
    """(name, GB) of each NVIDIA GPU, as its driver tells."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    ask = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(
            ask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_gpus(answer)


def parse_gpus(answer: str) -> list[tuple[str, float]]:
    """(name, GB) from lines "NAME, MiB"; lines of another form are left out."""
    found = []
    for line in answer.splitlines():
        name, _, memory = line.rpartition(",")
        if name and memory.strip().isdigit():
            found.append((name.strip(), int(memory) * 2**20 / 1e9))
    return found


def has_slurm() -> bool:
    """Whether jobs can be given to Slurm here."""
    return shutil.which("sbatch") is not None
