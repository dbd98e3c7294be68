"""Identifying a process uniquely, although process ids are reused."""

from __future__ import annotations

from pathlib import Path


def begin_of(pid: int) -> int | None:
    """Start time of a process on this machine, in clock ticks since boot.

    None when it does not exist, is a zombie, or the system has no /proc.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may contain anything; see proc(5) for the fields after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def boot() -> str:
    """Changes on every boot; "" where unavailable."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
