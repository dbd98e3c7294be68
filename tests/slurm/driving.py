"""Snakemake as a user of a cluster starts it, and what Slurm says of its jobs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.slurm.cluster import Cluster, wait_for
from tests.workflow.killing import heed_interrupts


@dataclass(frozen=True)
class Installation:
    """A Python with the project's executor, and a home with its profile."""

    python: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home), "OMP_NUM_THREADS": "1"}


class Driver:
    """A Snakemake process that runs in the background."""

    def __init__(
        self, installation: Installation, folder: Path, *flags: str, tools: Path | None = None
    ) -> None:
        """`tools`: a folder with programs in place of Slurm's own."""
        self.folder = folder
        self.log = folder / "driver.log"
        command = [str(installation.python), "-m", "snakemake", "--profile", "slurm"]
        command += ["--livecc-slurm-poll-seconds", "1", "--latency-wait", "10", *flags]
        environment = installation.environment
        if tools is not None:
            environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=heed_interrupts,
            )

    def wait(self, seconds: float = 240) -> int:
        """Its exit status; a run that takes longer hangs, which fails the test."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the run hangs:\n{self.output[-4000:]}") from None

    def finish(self, seconds: float = 240) -> str:
        """Wait for a good end; what it said."""
        status = self.wait(seconds)
        assert status == 0, self.output[-6000:]
        return self.output

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it as a machine that goes down does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def slurm_ids(self) -> list[str]:
        return re.findall(r"submitted with SLURM jobid (\d+)", self.output)

    def wait_for_job(self, cluster: Cluster, name: str, seconds: float = 120) -> str:
        """The Slurm id of a running job of a rule, once there is one."""
        found: list[str] = []

        def running() -> bool:
            assert self.process.poll() is None, self.output[-4000:]
            for line in cluster.run("squeue", "-h", "-o", "%i|%T|%k", check=False).splitlines():
                job, state, comment = line.split("|")
                if state == "RUNNING" and comment.split()[1] == name:
                    found.append(job)
            return bool(found)

        wait_for(f"a running job of {name}", running, seconds)
        return found[0]


@dataclass(frozen=True)
class SlurmJob:
    """A job as the accounting knows it; its comment is `jobid.attempt rule wildcards`."""

    id: str
    state: str
    rule: str
    attempt: int
    comment: str
    partition: str
    node: str
    gpus: int
    memory: str
    minutes: str
    began: str
    ended: str


def accounted(cluster: Cluster, ids: list[str]) -> list[SlurmJob]:
    """The jobs with these ids, once the accounting knows the end of them all."""
    fields = "JobIDRaw,State,Comment,Partition,NodeList,AllocTRES,ReqMem,Timelimit,Start,End"

    def rows() -> list[list[str]]:
        text = cluster.run("sacct", "-X", "-n", "-P", f"--format={fields}", f"-j{','.join(ids)}")
        return [line.split("|") for line in text.splitlines()]

    def complete() -> bool:
        found = rows()
        # Of a short job the end may come before the rest; its memory is then some number and "?".
        return len(found) == len(ids) and not any(
            row[9] in ("", "Unknown") or "?" in row[6] for row in found
        )

    wait_for(f"the accounting of {ids}", complete)
    jobs = []
    for job, state, comment, partition, node, tres, memory, minutes, began, ended in rows():
        number, rule = comment.split()[:2]
        gpus = re.search(r"gres/gpu=(\d+)", tres)
        jobs.append(
            SlurmJob(
                id=job,
                state=state.split()[0],
                rule=rule,
                attempt=int(number.rpartition(".")[2]),
                comment=comment,
                partition=partition,
                node=node,
                gpus=int(gpus[1]) if gpus else 0,
                memory=memory,
                minutes=minutes,
                began=began,
                ended=ended,
            )
        )
    return jobs
