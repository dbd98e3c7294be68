"""Telling a process from all others that have had its number."""

from __future__ import annotations

from pathlib import Path


def begin_of(pid: int) -> int | None:
    """When a process of this machine began, in clock ticks since the machine's start.

    None when there is none, when it has ended and nobody has asked how (a zombie), and on systems
    without /proc.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may hold anything; see proc(5) for the fields after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def boot() -> str:
    """Changes whenever the machine starts anew; "" where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
