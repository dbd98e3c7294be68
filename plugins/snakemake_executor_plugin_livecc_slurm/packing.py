"""Packing several short jobs into one Slurm job, so that they queue only once.

The jobs of a pack run sequentially. Each writes its exit status to a file, so that a failure
affects only that job, and finished jobs count even if the pack is killed.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

#: Name prefixes of resources that say where a job runs, not how much it needs.
PLACE = ("slurm_", "cluster", "constraint", "qos", "gres", "nodes", "mpi", "tasks")


class Resources(dict[str, Any]):
    """Resources as the Slurm plugin reads them: by key or as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Pack:
    """Jobs submitted as one, with the job interface that the Slurm plugin needs."""

    attempt = 1
    wildcards: tuple[str, ...] = ()

    def __init__(self, jobs: list[Any], folder: Path) -> None:
        self.jobs, self.folder = jobs, folder
        self.name = "pack"
        self.rule = self
        self.jobid = f"{jobs[0].jobid}-{jobs[-1].jobid}"
        self.threads = max(job.threads for job in jobs)
        self.resources = Resources(jobs[0].resources.items())
        self.resources["mem_mb"] = max(job.resources.get("mem_mb") or 0 for job in jobs)
        self.resources["runtime"] = sum(job.resources.get("runtime") for job in jobs)

    def is_group(self) -> bool:
        return False

    def status_file(self, job: Any) -> Path:
        return self.folder / f"{job.jobid}"

    def script(self, command: Callable[[Any], str]) -> str:
        """Runs all jobs; the exit status is nonzero if any job failed."""
        lines = ["worst=0"]
        for job in self.jobs:
            file = shlex.quote(str(self.status_file(job)))
            lines.append(f"( {command(job)} ) < /dev/null; status=$?")
            # Renamed, so that it is never read partially written.
            lines.append(f"echo $status > {file}.new && mv {file}.new {file}")
            lines.append("[ $status -eq 0 ] || worst=$status")
        return "\n".join([*lines, "exit $worst"])


def pack(jobs: Iterable[Any], minutes: float) -> list[list[Any]]:
    """Jobs grouped by submission: several in a list form a pack.

    Only first attempts of jobs without a GPU and with the same partition etc. are packed, up to
    `minutes` of total run time.
    """
    packs: list[list[Any]] = []
    open_packs: dict[Any, tuple[list[Any], float]] = {}
    for job in jobs:
        runtime = None if job.is_group() else job.resources.get("runtime")
        if not isinstance(runtime, int) or job.resources.get("gpu") or job.attempt > 1:
            packs.append([job])
            continue
        kind = (
            job.threads,
            *(f"{k}={v}" for k, v in sorted(job.resources.items()) if k.startswith(PLACE)),
        )
        members, used = open_packs.get(kind, ([], 0.0))
        if not members or used + runtime > minutes:
            members, used = [], 0.0
            packs.append(members)
        members.append(job)
        open_packs[kind] = members, used + runtime
    return packs
