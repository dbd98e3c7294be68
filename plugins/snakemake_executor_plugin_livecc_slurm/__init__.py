"""Snakemake executor `livecc-slurm`: the Slurm plugin, with fixes for hanging and lost runs.

Submission and log files are those of snakemake-executor-plugin-slurm. This module has the
differences; docs/slurm.md lists the faults with their tests, so that a part can be removed once
fixed upstream:

- job states come from both the controller (squeue) and the accounting (sacct); an unknown state
  keeps a job, and so does an unresponsive Slurm, however long;
- the polling interval is a setting and does not grow;
- a submission that fails because Slurm is away or full is retried, and never duplicated;
- whatever ends the run cancels its jobs and waits for that; jobs of a killed run are cancelled
  before the first new submission;
- partitions and the like are set once, for GPU jobs and for CPU jobs;
- short jobs without a GPU share a Slurm job (packing.py).

Snakemake finds it when this folder is on Python's path (livecc install-profile).
"""

import asyncio
import contextlib
import re
import shlex
import shutil
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

import snakemake_executor_plugin_slurm as upstream
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from .packing import Pack, pack

# The interface of a Snakemake executor plugin: this, Executor and ExecutorSettings.
common_settings = upstream.common_settings

#: sbatch messages that justify a retry: the controller is away or busy, or the user's job limit is
#: reached. Anything else is an error in the request.
PASSING = re.compile(
    "unable to contact slurm controller|timed out|connection (refused|reset)|zero bytes"
    "|temporarily|try again|controller is (busy|not)|communication connection failure"
    "|slurm backup controller in standby|maxsubmitjobs|max submit|queue is full"
    "|submit limit|job limit",
    re.IGNORECASE,
)
#: Reasons for which a job stays pending forever, until someone changes or cancels it.
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
#: Final states that more memory would not have prevented.
NOT_FOR_MEMORY = frozenset(
    {"TIMEOUT", "CANCELLED", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "DEADLINE", "LOST"}
)
#: Hints for final states.
HINTS = {
    "TIMEOUT": "The next attempt gets more time and continues where this one stopped.",
    "OUT_OF_MEMORY": "The next attempt gets more memory.",
    "LOST": "Slurm no longer knows it.",
}


#: Snakemake turns these types into options; it does not support `str | None`.
OptionalText = Optional[str]  # noqa: UP045

LIMITS_HINT = (
    "No node of the partition has the requested resources. Set limits in the profile (resources: "
    "mem_mb, runtime), or request less in the configuration (resources.STAGE)."
)


@dataclass
class ExecutorSettings(upstream.ExecutorSettings):
    """Settings of the Slurm plugin and site settings (profiles/slurm)."""

    cpu_partition: OptionalText = field(
        default=None, metadata={"help": "Partition of jobs without a GPU."}
    )
    gpu_partition: OptionalText = field(
        default=None, metadata={"help": "Partition of jobs with GPUs."}
    )
    account: OptionalText = field(
        default=None,
        metadata={"help": "Account of all jobs (default: the user's default account)."},
    )
    gpu_model: OptionalText = field(
        default=None, metadata={"help": "GPU model as in the cluster's GRES (h100)."}
    )
    cpu_flags: OptionalText = field(
        default=None, metadata={"help": "Extra sbatch flags for jobs without a GPU."}
    )
    gpu_flags: OptionalText = field(
        default=None, metadata={"help": "Extra sbatch flags for jobs with GPUs."}
    )
    poll_seconds: int = field(
        default=30, metadata={"help": "Seconds between two polls of the job states."}
    )
    pack_minutes: int = field(
        default=0,
        metadata={
            "help": "Maximum total run time of jobs without a GPU packed into one Slurm job."
        },
    )
    submit_patience: int = field(
        default=240,
        metadata={"help": "Minutes to retry a submission while Slurm accepts none."},
    )
    lost_seconds: int = field(
        default=300,
        metadata={"help": "Seconds after which a job unknown to Slurm counts as failed."},
    )


class Executor(upstream.Executor):
    """Submits jobs to Slurm and tracks them to their end."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # Not at the top: by now the workflow's own livecc is imported, not the installed one.
        from livecc.errors import LiveccError
        from livecc.running import driver, slurm_jobs

        self._slurm, self._error = slurm_jobs, LiveccError
        # The parent class removes the variables of the Slurm job that Snakemake itself runs in.
        self._driver = driver.this_driver()
        self._ready, self._stopping = threading.Event(), threading.Event()
        #: Slurm id -> time when it was first unknown to Slurm.
        self._missing: dict[str, float] = {}
        #: Comment of a job -> time when its submission first failed.
        self._refused: dict[str, float] = {}
        self._warned: set[str] = set()
        #: Job -> Snakemake's memory for each attempt; number of failures unrelated to memory.
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
        for members in pack(jobs, self._most_minutes_of_a_pack()):
            if len(members) == 1:
                alone += members
                continue
            for job in members:
                self.run_job_pre(job)
            folder = self._packs / f"{members[0].jobid}"
            folder.mkdir(parents=True)
            self._job_submission_executor.submit(self.run_job, Pack(members, folder))
        super().run_jobs(alone)

    def _most_minutes_of_a_pack(self) -> float:
        """At most what a partition allows: a job that asks for more would wait for ever."""
        wanted = self.workflow.executor_settings.pack_minutes
        most = self.workflow.global_resources.get("runtime")
        most = getattr(most, "value", most)
        return min(wanted, most) if isinstance(most, int | float) else wanted

    def format_job_exec(self, job: Any) -> str:
        if isinstance(job, Pack):
            return job.script(super().format_job_exec)
        return super().format_job_exec(job)

    def get_job_exec_prefix(self, job: Any) -> str:  # noqa: ARG002
        """Disable driver_watch for Slurm jobs on the driver's own machine.

        They belong to Slurm, as on any other node; the next run cancels them.
        """
        return "unset LIVECC_DRIVER"

    def additional_general_args(self) -> str:
        """Empty: the batch script's Snakemake runs the job itself.

        The parent class starts another Snakemake in a job step: that is for MPI, costs a few
        seconds and 130 MB per job, and loses SLURM_CONF. Here a job is one process on one node and
        has its devices in the batch script as well.
        """
        return ""

    def _report_job_submission_threadsafe(self, job_info: SubmittedJobInfo) -> None:
        for part in self._parts(job_info):
            super()._report_job_submission_threadsafe(part)

    @staticmethod
    def _parts(job_info: SubmittedJobInfo) -> list[SubmittedJobInfo]:
        """The jobs of a pack, each with the shared Slurm job; other jobs unchanged."""
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
        """Increase memory only for failed jobs, not for timed-out or cancelled ones.

        Snakemake computes resources from the attempt number alone; after several timeouts a job
        would request more memory than any node has.
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
        """The partition and all other sbatch arguments from here.

        The parent class puts this after its own --comment, so the comment given here takes effect;
        it is unique among the submissions of a run.
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
            # All devices of a job must be on one machine.
            flags.append("--nodes=1")
        flags += ["--comment", self._comment(job)]
        return " " + shlex.join(flags)

    def _comment(self, job: Any) -> str:
        wildcards = "" if job.is_group() else " ".join(job.wildcards)
        return f"{job.jobid}.{job.attempt} {job.name} {wildcards}".rstrip()[:250]

    def _report_job_error_threadsafe(self, job_info: SubmittedJobInfo, msg: str) -> None:
        """Called when a submission fails: retry if that may help."""
        if self._stopping.is_set():
            return
        comment = self._comment(job_info.job)
        since = self._refused.setdefault(comment, time.monotonic())
        patience = 60 * self.workflow.executor_settings.submit_patience
        # The message of sbatch only; the command that follows may contain anything.
        reason = msg.partition("\n    sbatch call:")[0]
        if not PASSING.search(reason) or time.monotonic() - since > patience:
            if "node configuration is not available" in reason:
                msg = f"{LIMITS_HINT}\n{msg}"
            for part in self._parts(job_info):
                super()._report_job_error_threadsafe(part, msg)
            return
        self._warn("submit", f"Slurm accepts no jobs at the moment; retrying. {reason}")
        self._job_submission_executor.submit(self._submit_again, job_info.job)

    def _submit_again(self, job: Any) -> None:
        """Resubmit a job, unless its first submission was accepted after all."""
        comment = self._comment(job)
        while not self._stopping.wait(self.workflow.executor_settings.poll_seconds):
            try:
                queue = self._slurm.queued(self.run_uuid)
            except self._error:
                continue
            for slurm_id, entry in queue.items():
                if entry.comment == comment and entry.state in self._slurm.LIVE:
                    self.logger.info(
                        f"Job {job.jobid} was already accepted as Slurm job {slurm_id}."
                    )
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
        """Wait for the configured interval; the parent class lets it grow."""

    async def sleep(self) -> None:
        # In steps, so that the end of a run does not wait for the next poll.
        end = time.monotonic() + self.next_seconds_between_status_checks
        while self.wait and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.5))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report ended jobs and yield all others."""
        if not self._ready.is_set():
            # The polling thread starts before this object is fully initialized.
            return
        states = {}
        try:
            self._record.touch()
            if active_jobs:
                states = await asyncio.to_thread(self._states, active_jobs)
            self._warned.discard("away")
        except (self._error, OSError) as error:
            self._warn("away", f"Slurm does not answer ({error}); jobs and this run continue.")
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
        """Slurm id -> state of ended jobs; LOST for those unknown to Slurm."""
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
                        f"update, or cancel it with scancel {slurm_id}.",
                    )
            else:
                state = accounted.get(slurm_id, "")
            if state in self._slurm.ENDED:
                ended[slurm_id] = state
            elif slurm_id in queue:
                self._missing.pop(slurm_id, None)
            else:
                # Not in the queue, and no final state in the accounting, which may lag.
                since = self._missing.setdefault(slurm_id, time.monotonic())
                if time.monotonic() - since > self.workflow.executor_settings.lost_seconds:
                    ended[slurm_id] = "LOST"
        return ended

    @staticmethod
    def _of_pack(job_info: SubmittedJobInfo, state: str | None) -> str | None:
        """Report the outcome of a job, which may end before or after its pack."""
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
        # Other jobs of the pack may still write to it or have failed.
        if (
            log
            and "status_file" not in job_info.aux
            and not self.workflow.executor_settings.keep_successful_logs
        ):
            with contextlib.suppress(OSError):
                log.unlink(missing_ok=True)

    def _warn(self, about: str, text: str) -> None:
        """Warn once, until the condition is over."""
        if about not in self._warned:
            self._warned.add(about)
            self.logger.warning(text)

    # Ending

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:  # noqa: ARG002
        """Cancel all jobs of the run, including ones just submitted, and wait for their end."""
        self._stop()

    def shutdown(self) -> None:
        if not self.workflow.remote_execution_settings.immediate_submit:
            # Nobody manages the jobs once this process is gone.
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
            self.logger.error(f"{error} The next run in this folder cleans up the rest.")
            return
        if count:
            self.logger.info(f"Slurm jobs cancelled: {count}")
        self._record.unlink(missing_ok=True)
        shutil.rmtree(self._packs, ignore_errors=True)
