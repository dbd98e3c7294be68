"""Which jobs share a Slurm job."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from tests.support.places import REPOSITORY

sys.path.append(str(REPOSITORY / "plugins"))

from snakemake_executor_plugin_livecc_slurm.packing import pack


@dataclass
class Job:
    """What packing looks at of a job."""

    name: str
    resources: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    attempt: int = 1

    def is_group(self) -> bool:
        return False


def names(jobs: list[Job], minutes: float) -> list[str]:
    return ["".join(job.name for job in members) for members in pack(jobs, minutes)]


def test_as_many_as_the_minutes_allow_in_order() -> None:
    jobs = [Job(name, {"runtime": 20}) for name in "abcdefg"]
    assert names(jobs, 60) == ["abc", "def", "g"]
    assert names(jobs, 10) == list("abcdefg")


def test_jobs_with_a_gpu_or_without_a_time_and_new_attempts_go_alone() -> None:
    jobs = [
        Job("a", {"runtime": 1}),
        Job("g", {"runtime": 1, "gpu": 1}),
        Job("t"),
        Job("r", {"runtime": 1}, attempt=2),
        Job("b", {"runtime": 1, "gpu": 0}),
    ]
    assert names(jobs, 60) == ["ab", "g", "t", "r"]


def test_only_jobs_for_the_same_place_share_one() -> None:
    jobs = [
        Job("a", {"runtime": 1, "mem": "1 GB"}),
        Job("x", {"runtime": 1, "slurm_partition": "other"}),
        Job("b", {"runtime": 1, "mem": "2 GB"}),
        Job("y", {"runtime": 1, "slurm_partition": "other"}),
        Job("m", {"runtime": 1}, threads=4),
    ]
    assert names(jobs, 60) == ["ab", "xy", "m"]
