"""Snakemake executor `livecc-slurm`: the Slurm plugin, without what hangs or loses a run.

Submitting and log files are those of snakemake-executor-plugin-slurm. Here is what the
project needs otherwise; docs/slurm.md lists the faults and the test of each, so that a part can go
when it is mended there:

- what became of a job is asked of the controller (squeue) and of the accounting (sacct) together;
  a state that is not known keeps a job, and so does a Slurm that does not answer, however long;
- the pause between two looks is a setting and does not grow;
- a submission that fails because Slurm is not there or full is tried again, and never doubled;
- whatever ends the run ends its jobs, and waits for that; jobs that a killed run left behind are
  ended before the first new one is submitted;
- partitions and so on are set once, for GPU jobs and for CPU jobs;
- short jobs without a GPU share a Slurm job (packing.py).

It is found by Snakemake when this folder is on Python's path (scripts/install_profile.py).
"""

import asyncio
import contextlib
import re
import shlex
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import snakemake_executor_plugin_slurm as upstream
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from .packing import Pack, pack

# What Snakemake looks for in an executor plugin: this, Executor and ExecutorSettings.
common_settings = upstream.common_settings

#: What sbatch says when another try may work: the controller is away, busy, or has no room for
#: more jobs of this user. Anything else is an error of the request.
PASSING = re.compile(
    "unable to contact slurm controller|timed out|connection (refused|reset)|zero bytes"
    "|temporarily|try again|controller is (busy|not)|communication connection failure"
    "|slurm backup controller in standby|maxsubmitjobs|max submit|queue is full"
    "|submit limit|job limit",
    re.IGNORECASE,
)
#: Reasons for which a job waits for ever; a person or a new request has to mend it.
STUCK = frozenset(
    {
        "BadConstraints",
        "PartitionNodeLimit",
        "PartitionTimeLimit",
        "DependencyNeverSatisfied",
        "JobHeldAdmin",
        "launch failed requeued held",
        "InvalidAccount",
        "InvalidQOS",
        "AssocMaxWallDurationPerJobLimit",
        "QOSMaxWallDurationPerJobLimit",
        "QOSMaxGRESPerJob",
        "QOSMaxMemoryPerJob",
        "QOSMaxCpuPerJobLimit",
    }
)
#: Ends that more memory would not have changed.
NOT_FOR_MEMORY = frozenset(
    {"TIMEOUT", "CANCELLED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "DEADLINE", "LOST"}
)
#: What to say beside a state.
HINTS = {
    "TIMEOUT": "The next attempt gets more time, and goes on where this one stopped.",
    "OUT_OF_MEMORY": "The next attempt gets more memory.",
    "LOST": "Slurm does not know it any more.",
}


#: Snakemake makes options of these types; it does not know `str | None`.
OptionalText = Optional[str]  # noqa: UP045

LIMITS_HINT = (
    "No node of the partition has what this job asks for. Set the most that a job may ask for in "
    "the profile (resources: mem_mb, runtime), or less in the configuration (resources.STAGE)."
)


@dataclass
class ExecutorSettings(upstream.ExecutorSettings):
    """Settings of the Slurm plugin, and what a site sets (profiles/slurm)."""

    cpu_partition: OptionalText = field(
        default=None, metadata={"help": "Partition of jobs without a GPU."}
    )
    gpu_partition: OptionalText = field(
        default=None, metadata={"help": "Partition of jobs with GPUs."}
    )
    account: OptionalText = field(
        default=None, metadata={"help": "Account of all jobs; without it the user's default one."}
    )
    gpu_model: OptionalText = field(
        default=None, metadata={"help": "Model of the GPUs, as in the cluster's GRES (h100)."}
    )
    cpu_flags: OptionalText = field(
        default=None, metadata={"help": "More flags of sbatch for jobs without a GPU."}
    )
    gpu_flags: OptionalText = field(
        default=None, metadata={"help": "More flags of sbatch for jobs with GPUs."}
    )
    poll_seconds: int = field(
        default=30, metadata={"help": "Seconds between two looks at the jobs."}
    )
    pack_minutes: int = field(
        default=0,
        metadata={"help": "Run time that jobs without a GPU may need together in one Slurm job."},
    )
    submit_patience: int = field(
        default=240,
        metadata={"help": "Minutes for which a submission is tried again while Slurm takes none."},
    )
    lost_seconds: int = field(
        default=300,
        metadata={"help": "Seconds after which a job that Slurm does not know has failed."},
    )


class Executor(upstream.Executor):
    """Submits jobs to Slurm, and sees all of them to their end."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # Not at the top: with a workflow of the project, its own livecc is imported by now.
        repository = str(Path(__file__).resolve().parents[2])
        if repository not in sys.path:
            sys.path.append(repository)
        from livecc import driver, slurm_jobs
        from livecc.errors import LiveccError

        self._slurm, self._error = slurm_jobs, LiveccError
        # The parent class removes the variables of a Slurm job that Snakemake itself runs in.
        self._driver = driver.this_driver()
        self._ready, self._stopping = threading.Event(), threading.Event()
        #: Slurm id -> when Slurm first did not know it.
        self._missing: dict[str, float] = {}
        #: Comment of a job -> when its submission first failed.
        self._refused: dict[str, float] = {}
        self._warned: set[str] = set()
        #: Job -> memory of each attempt, as Snakemake would have it; how many were not for memory.
        self._memory: dict[Any, dict[int, int]] = {}
        self._spared: Counter[Any] = Counter()
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        try:
            for line in self._slurm.end_earlier_runs():
                self.logger.warning(line)
        except self._error as error:
            raise WorkflowError(str(error)) from None
        self._record = self._slurm.record(self.run_uuid, self._driver)
        self._packs = self._record.with_suffix("")
        self._ready.set()

    # Submitting

    def run_jobs(self, jobs: list[Any]) -> None:
        alone = []
        for members in pack(jobs, self.workflow.executor_settings.pack_minutes):
            if len(members) == 1:
                alone += members
                continue
            for job in members:
                self.run_job_pre(job)
            folder = self._packs / f"{members[0].jobid}"
            folder.mkdir(parents=True)
            self._job_submission_executor.submit(self.run_job, Pack(members, folder))
        super().run_jobs(alone)

    def format_job_exec(self, job: Any) -> str:
        if isinstance(job, Pack):
            return job.script(super().format_job_exec)
        return super().format_job_exec(job)

    def get_job_exec_prefix(self, job: Any) -> str:  # noqa: ARG002
        """A job that runs on the driver's own machine does not end with it (driver_watch).

        It is Slurm's, here as on any other node; the next run ends it.
        """
        return "unset LIVECC_DRIVER"

    def additional_general_args(self) -> str:
        """Nothing: the batch script's Snakemake runs the job itself.

        The parent class has it start another one, in a job step: that is for MPI, costs each job
        some seconds and 130 MB, and loses SLURM_CONF. A job here is one process on one node, and
        has its devices in the batch script too.
        """
        return ""

    def _report_job_submission_threadsafe(self, job_info: SubmittedJobInfo) -> None:
        for part in self._parts(job_info):
            super()._report_job_submission_threadsafe(part)

    @staticmethod
    def _parts(job_info: SubmittedJobInfo) -> list[SubmittedJobInfo]:
        """The jobs of a pack, each with the Slurm job that they share; any other as it is."""
        job = job_info.job
        if not isinstance(job, Pack):
            return [job_info]
        return [
            SubmittedJobInfo(
                member,
                external_jobid=job_info.external_jobid,
                aux={**(job_info.aux or {}), "status_file": job.status_file(member)},
            )
            for member in job.jobs
        ]

    def run_job(self, job: Any) -> None:
        model = self.workflow.executor_settings.gpu_model
        if model and job.resources.get("gpu") and not job.resources.get("gpu_model"):
            job.add_aux_resource("gpu_model", model)
        self._spare_memory(job)
        if not self._stopping.is_set():
            super().run_job(job)

    def _spare_memory(self, job: Any) -> None:
        """More memory is for jobs that failed, not for those that were out of time or cancelled.

        Snakemake computes resources from the number of the attempt alone; four times out of time
        would ask for memory that no node has.
        """
        if isinstance(job, Pack) or not job.resources.get("mem_mb"):
            return
        attempts = self._memory.setdefault(job, {})
        attempts.setdefault(job.attempt, job.resources.mem_mb)
        job.resources.mem_mb = attempts[max(1, job.attempt - self._spared[job])]

    def get_account_arg(self, job: Any) -> Iterator[str]:
        account = self.workflow.executor_settings.account
        if job.resources.get("slurm_account"):
            yield from super().get_account_arg(job)
        else:
            yield f" -A {shlex.quote(account)}" if account else ""

    def get_partition_arg(self, job: Any) -> str:
        """The partition, and all else that the command line of sbatch needs from here.

        The parent class puts this text into the command line after its own --comment, so the
        comment given here is the one that counts: no two submissions of a run share it.
        """
        settings = self.workflow.executor_settings
        gpus = job.resources.get("gpu")
        partition = job.resources.get("slurm_partition") or (
            settings.gpu_partition if gpus else settings.cpu_partition
        )
        flags = shlex.split((settings.gpu_flags if gpus else settings.cpu_flags) or "")
        if partition:
            flags += ["-p", str(partition)]
        if gpus and not job.resources.get("nodes"):
            # The devices of a job are of one machine.
            flags.append("--nodes=1")
        flags += ["--comment", self._comment(job)]
        return " " + shlex.join(flags)

    def _comment(self, job: Any) -> str:
        wildcards = "" if job.is_group() else " ".join(job.wildcards)
        return f"{job.jobid}.{job.attempt} {job.name} {wildcards}".rstrip()[:250]

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        """Called when a submission fails: try again where that may help."""
        if self._stopping.is_set():
            return
        comment = self._comment(job_info.job)
        since = self._refused.setdefault(comment, time.monotonic())
        patience = 60 * self.workflow.executor_settings.submit_patience
        # What sbatch said; the command follows, which may hold any words.
        reason = msg.partition("\n    sbatch call:")[0]
        if not PASSING.search(reason) or time.monotonic() - since > patience:
            if "node configuration is not available" in reason:
                msg = f"{LIMITS_HINT}\n{msg}"
            for part in self._parts(job_info):
                super()._report_job_error_threadsafe(part, msg)
            return
        self._warn("submit", f"Slurm takes no job now; it is tried again. {reason}")
        self._job_submission_executor.submit(self._submit_again, job_info.job)

    def _submit_again(self, job: Any) -> None:
        """Submit a job whose first submission may have been taken after all."""
        comment = self._comment(job)
        while not self._stopping.wait(self.workflow.executor_settings.poll_seconds):
            try:
                queue = self._slurm.queued(self.run_uuid)
            except self._error:
                continue
            for slurm_id, entry in queue.items():
                if entry.comment == comment and entry.state in self._slurm.LIVE:
                    self.logger.info(f"Job {job.jobid} had been taken as Slurm job {slurm_id}.")
                    self._report_job_submission_threadsafe(
                        SubmittedJobInfo(job, external_jobid=slurm_id, aux={})
                    )
                    return
            self.run_job(job)
            return

    # Following

    @property
    def next_seconds_between_status_checks(self) -> int:
        return self.workflow.executor_settings.poll_seconds

    @next_seconds_between_status_checks.setter
    def next_seconds_between_status_checks(self, value: int) -> None:
        """The parent class lets the pause grow; here it is what the setting says."""

    async def sleep(self) -> None:
        # In steps, so that the end of a run does not wait for the next look.
        end = time.monotonic() + self.next_seconds_between_status_checks
        while self.wait and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.5))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report the jobs that have ended, and yield all others."""
        if not self._ready.is_set():
            # The thread that asks is there before this object is whole.
            return
        states = {}
        try:
            self._record.touch()
            if active_jobs:
                states = await asyncio.to_thread(self._states, active_jobs)
            self._warned.discard("away")
        except (self._error, OSError) as error:
            self._warn("away", f"Slurm does not answer ({error}); jobs and this run go on.")
        for job_info in active_jobs:
            state = self._of_pack(job_info, states.get(job_info.external_jobid))
            if state is None or self._stopping.is_set():
                yield job_info
            elif state == "COMPLETED":
                self._remove_log(job_info)
                self.report_job_success(job_info)
            else:
                self._fail(job_info, state)

    def _states(self, active_jobs: list[SubmittedJobInfo]) -> dict[str, str]:
        """Slurm id -> state, of the jobs that have ended; LOST is said of those nobody knows."""
        ids = [job_info.external_jobid for job_info in active_jobs]
        queue = self._slurm.queued(self.run_uuid)
        unknown = [slurm_id for slurm_id in ids if slurm_id not in queue]
        accounted = self._slurm.accounted(unknown) if unknown else {}
        ended = {}
        for slurm_id in ids:
            if slurm_id in queue:
                state, reason, _ = queue[slurm_id]
                if state == "PENDING" and reason in STUCK:
                    self._warn(
                        slurm_id,
                        f"Slurm job {slurm_id} cannot start: {reason}. Change it with scontrol "
                        f"update, or give it up with scancel {slurm_id}.",
                    )
            else:
                state = accounted.get(slurm_id, "")
            if state in self._slurm.ENDED:
                ended[slurm_id] = state
            elif slurm_id in queue:
                self._missing.pop(slurm_id, None)
            else:
                # Not in the queue, and no end in the accounting, which may be behind.
                since = self._missing.setdefault(slurm_id, time.monotonic())
                if time.monotonic() - since > self.workflow.executor_settings.lost_seconds:
                    ended[slurm_id] = "LOST"
        return ended

    @staticmethod
    def _of_pack(job_info: SubmittedJobInfo, state: str | None) -> str | None:
        """What became of a job, which may be over before or after the pack that it is in."""
        file = job_info.aux.get("status_file")
        if file is None or state == "COMPLETED":
            return state
        try:
            return "COMPLETED" if int(file.read_text()) == 0 else "FAILED"
        except (OSError, ValueError):
            return state

    def _fail(self, job_info: SubmittedJobInfo, state: str) -> None:
        log = job_info.aux.get("slurm_logfile")
        hint = HINTS.get(state, "")
        if state in NOT_FOR_MEMORY:
            self._spared[job_info.job] += 1
        self.report_job_error(
            job_info,
            msg=f"Slurm job {job_info.external_jobid} ended as {state}. {hint} ".replace("  ", " "),
            aux_logs=[str(log)] if log else [],
        )

    def _remove_log(self, job_info: SubmittedJobInfo) -> None:
        log = job_info.aux.get("slurm_logfile")
        # Other jobs of a pack may still write to it, or have failed.
        if (
            log
            and "status_file" not in job_info.aux
            and not self.workflow.executor_settings.keep_successful_logs
        ):
            with contextlib.suppress(OSError):
                log.unlink(missing_ok=True)

    def _warn(self, about: str, text: str) -> None:
        """Say something once, until it is over."""
        if about not in self._warned:
            self._warned.add(about)
            self.logger.warning(text)

    # Ending

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:  # noqa: ARG002
        """End all jobs of the run, those of this instant too, and wait until they are gone."""
        self._stop()

    def shutdown(self) -> None:
        if not self.workflow.remote_execution_settings.immediate_submit:
            # Nobody looks after a job once this process is gone.
            self._stop()
        super().shutdown()

    def _stop(self) -> None:
        if self._stopping.is_set() and not self._record.exists():
            return
        self._stopping.set()
        self._job_submission_executor.shutdown(wait=True, cancel_futures=True)
        try:
            count = self._slurm.end(self.run_uuid)
        except self._error as error:
            self.logger.error(f"{error} The next run in this folder looks after what is left.")
            return
        if count:
            self.logger.info(f"{count} Slurm jobs were cancelled.")
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self._packs, ignore_errors=True)
