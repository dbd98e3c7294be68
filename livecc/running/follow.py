"""Following a run: progress, speed and remaining time of each stage, and failures.

The Snakemake process sees every job start, end and fail (`RunProgress.handle`); each job writes the
number of scored items to a small file (`livecc.running.progress`), on whatever machine it runs. So
this works for local runs and on a cluster. `Follower` writes the state to `progress.json` and
`progress.txt` in the results folder every few seconds and prints it now and then;
`livecc follow` shows it in another terminal.

A run that a person or a scheduler ends has not failed, and neither have the jobs that end with it.
Nothing here may stop a run or hide its end: what cannot be read or written is said once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from livecc.errors import LiveccError
from livecc.files.atomic import read_json, write_bytes, write_json
from livecc.formats.layout import Layout
from livecc.running.follow_view import render, render_last_lines, show, to_text
from livecc.running.library_path import with_library
from livecc.running.progress import progress_file

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
SHOW_SECONDS = 60.0
#: Speed is averaged over this many active seconds of a stage.
SPEED_SECONDS = 600.0
LAST_LINES = 15
#: Entries of Snakemake's job counts that are not work: the total, and rules that collect files.
_NO_STAGES = frozenset({"total", "all", "fetch_models"})
#: Allowed clock difference to a file server, in seconds.
CLOCK_SECONDS = 5.0
#: Events of Snakemake's log that report failed jobs, and what else it says of their commands.
_FAILED_JOBS = frozenset({"job_error", "group_error"})
_OF_COMMAND = "CalledProcessError"
#: What Snakemake says in dry runs of finished jobs that it has no record of, or an old one.
_NO_RECORDS = re.compile(r"\d+ jobs have (missing|outdated) provenance/metadata ")
#: How the last words of a job begin that failed by itself, not because it was told to end.
_OWN_FAULT = ("error:", "Traceback ")


@dataclass
class Job:
    """A started or submitted job that has not ended."""

    stage: str
    name: str
    #: Whether it runs on this machine and so does not wait in a queue.
    local: bool
    logs: Sequence[str]
    #: The stats that it will write; its progress file is next to them.
    stats: Sequence[Path]
    began: float = field(default_factory=time.time)
    at_work: bool = False
    done: int = 0
    #: Items to score; None until reported.
    total: int | None = None
    host: str = ""


@dataclass
class Failure:
    """A job whose last attempt failed."""

    stage: str
    job: str
    attempts: int
    logs: list[str]
    last_lines: dict[str, list[str]]
    command: str
    #: The container or conda environment of the command.
    within: str
    cluster_job: str
    folder: str


@dataclass
class Stage:
    """The jobs of one rule in this run."""

    planned: int
    finished: int = 0
    running: dict[int, Job] = field(default_factory=dict)
    #: Items of finished jobs, scored and found in the cache.
    scored: int = 0
    found: int = 0
    #: Number of finished jobs that have items.
    counted: int = 0
    #: Seconds with a running job, and pairs of (those seconds, amount done by then).
    busy: float = 0.0
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque([(0.0, 0)]))

    def amount(self) -> int:
        """The amount done: items, or jobs if jobs have no items."""
        if self.has_items():
            return self.scored + sum(job.done for job in self.running.values())
        return self.finished

    def has_items(self) -> bool:
        return self.counted > 0 or any(job.total is not None for job in self.running.values())

    def expected(self) -> tuple[int, bool]:
        """The total amount, and whether it is known (otherwise extrapolated)."""
        if not self.has_items():
            return self.planned, True
        known = [job.total for job in self.running.values() if job.total is not None]
        jobs = self.counted + len(known)
        unknown = self.planned - self.finished - len(known)
        total = self.scored + sum(known)
        return total + round(unknown * total / jobs), unknown == 0

    def speed(self) -> float | None:
        """Recent items (or jobs) per second; None if unknown."""
        (first, before), (last, after) = self.samples[0], self.samples[-1]
        return (after - before) / (last - first) if after > before and last > first else None


class RunProgress:
    """The state of a run; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = time.time()
        #: Whether the run was asked to end.
        self.interrupted = False
        self.stages: dict[str, Stage] = {}
        self.failures: dict[int, Failure] = {}
        self._attempts: dict[int, int] = {}
        self._jobs: dict[int, Job] = {}
        self._clock = time.monotonic()
        self._lock = threading.Lock()

    def handle(self, event: str, fields: Mapping[str, Any]) -> list[Failure]:
        """Process an event of Snakemake's log; returns the failures that it reports.

        `event` and `fields` are those of snakemake_interface_logger_plugins' LogEvent.
        """
        with self._lock:
            self._pass_time()
            if event == "run_info":
                for rule, count in fields["stats"].items():
                    if rule not in _NO_STAGES:
                        self.stages[rule] = Stage(int(count))
            elif event == "job_info":
                self._begin(fields)
            elif event == "job_finished":
                self._finish(fields["job_id"])
            elif event in _FAILED_JOBS:
                more = fields.get("aux") or {} if event == "job_error" else fields
                failed = [(job, self._fail(job, more)) for job in _failed_jobs(event, fields)]
                return [failure for job, failure in failed if not self.ended_with_the_run(job)]
            return []

    def ended_with_the_run(self, fields: Mapping[str, Any]) -> bool:
        """Whether a job of a job_error event was ended because the run was asked to end."""
        if not self.interrupted:
            return False
        logs = (last_lines(self.folder / str(path)) for path in fields["log"] or [])
        return not any(line.startswith(_OWN_FAULT) for lines in logs for line in lines)

    def _begin(self, fields: Mapping[str, Any]) -> None:
        if fields["rule_name"] in _NO_STAGES:
            return
        wildcards = fields["wildcards"] or {}
        job = Job(
            stage=fields["rule_name"],
            name="/".join(map(str, wildcards.values())),
            local=bool(fields["local"]),
            logs=list(fields["log"] or []),
            stats=[
                self.folder / path
                for path in map(Path, fields["output"] or [])
                if path.parent.parent.name == "stats"
            ],
        )
        for stats in job.stats:
            with contextlib.suppress(OSError):
                progress_file(stats).unlink(missing_ok=True)  # left by a killed attempt
        stage = self.stages.setdefault(job.stage, Stage(0))
        stage.running[fields["jobid"]] = self._jobs[fields["jobid"]] = job
        stage.planned = max(stage.planned, stage.finished + len(stage.running))

    def _finish(self, jobid: int) -> None:
        job = self._jobs.pop(jobid, None)
        if job is None:
            return
        self.failures.pop(jobid, None)
        stage = self.stages[job.stage]
        stage.running.pop(jobid, None)
        stage.finished += 1
        for path in job.stats:
            try:
                stats = read_json(path)
                found, items = stats["found"], stats["items"]
            except (LiveccError, OSError, KeyError, TypeError):
                continue  # without items, or removed
            stage.counted += 1
            stage.found += found
            stage.scored += items - found
        self._sample(stage)

    def _fail(self, fields: Mapping[str, Any], more: Mapping[str, Any]) -> Failure:
        jobid = fields["jobid"]
        job = self._jobs.pop(jobid, None)
        if job is not None:
            self.stages[job.stage].running.pop(jobid, None)
        self._attempts[jobid] = self._attempts.get(jobid, 0) + 1
        logs = [str(path) for path in fields["log"] or []]
        failure = Failure(
            stage=fields["rule_name"],
            job=" ".join(filter(None, (fields["rule_name"], job.name if job else ""))),
            attempts=self._attempts[jobid],
            logs=logs,
            last_lines={path: last_lines(self.folder / path) for path in logs},
            command=with_library(fields["shellcmd"]) if fields["shellcmd"] else "",
            within=str(fields.get("container_img") or fields.get("conda_env") or ""),
            cluster_job=str(more.get("external_jobid") or ""),
            folder=str(self.folder.resolve()),
        )
        if not self.ended_with_the_run(fields):
            self.failures[jobid] = failure
        return failure

    def tick(self) -> None:
        """Read the progress of the running jobs."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            _look(job, self.folder)
        with self._lock:
            self._pass_time()
            for stage in self.stages.values():
                self._sample(stage)

    def _pass_time(self) -> None:
        now = time.monotonic()
        passed, self._clock = now - self._clock, now
        for stage in self.stages.values():
            if any(job.local or job.at_work for job in stage.running.values()):
                stage.busy += passed

    def _sample(self, stage: Stage) -> None:
        stage.samples.append((stage.busy, stage.amount()))
        while len(stage.samples) > 2 and stage.busy - stage.samples[1][0] > SPEED_SECONDS:
            stage.samples.popleft()

    def snapshot(self, state: str) -> dict[str, Any]:
        """The state of the run as JSON values; `state` is running, finished or stopped."""
        with self._lock:
            return {
                "state": state,
                "folder": str(self.folder.resolve()),
                "started": self.started,
                "updated": time.time(),
                "stages": [self._stage(name, stage) for name, stage in self.stages.items()],
                "running": [
                    {
                        "job": f"{job.stage} {job.name}".rstrip(),
                        "at_work": job.local or job.at_work,
                        "host": job.host,
                        "done": job.done,
                        "total": job.total,
                        "seconds": time.time() - job.began,
                    }
                    for job in self._jobs.values()
                ],
                "failures": [asdict(failure) for failure in self.failures.values()],
            }

    def _stage(self, name: str, stage: Stage) -> dict[str, Any]:
        at_work = sum(job.local or job.at_work for job in stage.running.values())
        done, (total, known) = stage.amount(), stage.expected()
        speed = stage.speed()
        failed = [
            jobid
            for jobid, failure in self.failures.items()
            if failure.stage == name and jobid not in self._jobs
        ]
        return {
            "stage": name,
            "jobs": stage.planned,
            "finished": stage.finished,
            "at_work": at_work,
            "queued": len(stage.running) - at_work,
            "failed": len(failed),
            "unit": "items" if stage.has_items() else "jobs",
            "done": done,
            "total": total,
            "total_is_known": known,
            "found": stage.found,
            "per_second": speed,
            "seconds_left": max(0, total - done) / speed if speed else None,
        }


def _look(job: Job, folder: Path) -> None:
    """Read the progress of a job; on a cluster, also find out whether it has started."""
    for path in job.stats:
        try:
            said = read_json(progress_file(path))
            job.done, job.total, job.host = said["done"], said["total"], said["host"]
        except (LiveccError, OSError, KeyError, TypeError):
            continue
        job.at_work = True
    if not job.at_work and not job.local:
        for name in job.logs:
            try:
                written = (folder / name).stat().st_mtime
            except OSError:
                continue
            job.at_work = written >= job.began - CLOCK_SECONDS


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """The last non-empty lines of a log; for lines rewritten with \\r, their last state."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 2**16))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n")]
    return [line for line in lines if line.strip()][-count:]


def _of_records(record: logging.LogRecord) -> bool:
    """Whether it tells that Snakemake's records of jobs are missing or old."""
    return _NO_RECORDS.match(record.getMessage()) is not None


def _failed_jobs(event: str, fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The jobs of an event that reports failed ones."""
    return [fields] if event == "job_error" else list(fields["job_error_info"])


class Follower(logging.Handler):
    """A handler of Snakemake's log that maintains the two files in `results`.

    It also prints the state every SHOW_SECONDS, and the end of the log of each failed job.
    """

    def __init__(self, results: Path) -> None:
        super().__init__()
        self._layout = Layout(str(results))
        self._progress = RunProgress(Path())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="follow", daemon=True)
        self._trouble = ""

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        # A dry run also reports jobs, but never starts them.
        if event is not None and (event == "run_info" or self._thread.ident is not None):
            with self._without_ending_the_run():
                for failure in self._progress.handle(str(event), record.__dict__):
                    show(render_last_lines(asdict(failure)))

    def quieten(
        self, handlers: Iterable[logging.Handler], only_times_decide: Callable[[], bool]
    ) -> None:
        """Let Snakemake's handlers of a terminal leave what is said here to this one.

        That is failed jobs, and nothing at all of jobs that end because the run was asked to. The
        file of its log has all of it. `only_times_decide`: whether what Snakemake recorded in the
        working directory decides nothing. Then it is not told that these records are missing, as
        they are for whoever starts a run in another directory or clone.
        """
        for handler in handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(self._is_told)
                handler.addFilter(lambda record: not _of_records(record) or not only_times_decide())

    def start(self) -> None:
        """Called when the jobs start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            # Only the main thread may set handlers; elsewhere nobody can be asked.
            with contextlib.suppress(ValueError):
                self._notice(number)
        self._thread.start()

    def _notice(self, number: int) -> None:
        """Remember that this signal came, and then do what would have been done without us."""
        before = signal.getsignal(number)
        if before in (None, signal.SIG_IGN):
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self._progress.interrupted = True
            if callable(before):
                before(number, frame)
            else:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)

        signal.signal(number, handle)

    def _is_told(self, record: logging.LogRecord) -> bool:
        """Whether Snakemake's own handlers shall print a record."""
        if self._thread.ident is None:
            return True
        event = str(getattr(record, "event", ""))
        if event in _FAILED_JOBS:
            return False
        if event == "error":
            whole_run = getattr(record, "exception", "") == "WorkflowError"
            ended = self._progress.interrupted and not self._progress.failures
            return _OF_COMMAND not in record.getMessage() and not (whole_run and ended)
        return True

    def finish(self, state: str) -> None:
        """Called when the run has ended: record that, and list the failures with their commands."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._without_ending_the_run():
            self._progress.tick()
        if state != "finished" and self._progress.interrupted and not self._progress.failures:
            state = "interrupted"
        snapshot = self._progress.snapshot(state)
        self._write(snapshot)
        if state != "finished":
            with self._without_ending_the_run():
                show(render(snapshot, logs=False))

    def _loop(self) -> None:
        shown = time.monotonic()
        while not self._ended.wait(WRITE_SECONDS):
            with self._without_ending_the_run():
                self._progress.tick()
                snapshot = self._progress.snapshot("running")
                self._write(snapshot)
                if time.monotonic() - shown >= SHOW_SECONDS:
                    shown = time.monotonic()
                    show(render(snapshot, logs=False))

    def _write(self, snapshot: Mapping[str, Any]) -> None:
        with self._without_ending_the_run():
            write_json(Path(self._layout.progress_json), snapshot)
            write_bytes(Path(self._layout.progress_text), to_text(render(snapshot)).encode())
            self._trouble = ""

    @contextlib.contextmanager
    def _without_ending_the_run(self) -> Iterator[None]:
        """What fails here (a full disk, a closed terminal) is said once, not at every attempt."""
        try:
            yield
        except (OSError, LiveccError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.warning("%s", error)
