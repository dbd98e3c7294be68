"""Following a run: how far each stage is, how fast, how long it takes yet, and what failed.

The process that runs Snakemake sees every job begin, end and fail (`RunProgress.handle`); how many
items a job has scored, it says itself in a small file (`livecc.progress`), on whatever machine it
runs. So it works alike for local runs and on a cluster. `Follower` writes the state to
`progress.json` and `progress.txt` in the results folder every few seconds and shows it now and
then; `scripts/follow.py` shows it anywhere else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livecc.errors import LiveccError
from livecc.files import read_json, write_bytes, write_json
from livecc.follow_view import render, render_last_lines, show, to_text
from livecc.progress import progress_file

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
SHOW_SECONDS = 60.0
#: Speed is that of the last so many seconds in which a stage was at work.
SPEED_SECONDS = 600.0
LAST_LINES = 15
#: In Snakemake's counts of jobs, what is no work: their sum, and the rules that only name files.
_NO_STAGES = frozenset({"total", "all", "fetch_models"})
#: A file server's clock may be so far off ours.
CLOCK_SECONDS = 5.0


@dataclass
class Job:
    """A job that has been started or submitted and has not ended."""

    stage: str
    name: str
    #: Runs on this machine, so it does not wait in a queue.
    local: bool
    logs: Sequence[str]
    #: The stats that it will write; beside them it says how far it is.
    stats: Sequence[Path]
    began: float = field(default_factory=time.time)
    at_work: bool = False
    done: int = 0
    #: Items to score; None as long as it has not said.
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
    #: The container or conda environment that the command ran in.
    within: str
    cluster_job: str
    folder: str


@dataclass
class Stage:
    """The jobs of one rule in this run."""

    planned: int
    finished: int = 0
    running: dict[int, Job] = field(default_factory=dict)
    #: Items of finished jobs: scored by them, and found in the cache.
    scored: int = 0
    found: int = 0
    #: How many of the finished jobs have items at all.
    counted: int = 0
    #: Seconds in which some job was at work, and (those seconds, what was done by then).
    busy: float = 0.0
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque([(0.0, 0)]))

    def amount(self) -> int:
        """What has been done: items, or jobs where jobs have no items."""
        if self.has_items():
            return self.scored + sum(job.done for job in self.running.values())
        return self.finished

    def has_items(self) -> bool:
        return self.counted > 0 or any(job.total is not None for job in self.running.values())

    def expected(self) -> tuple[int, bool]:
        """What there is to do in all, and whether that is known (or goes by the jobs so far)."""
        if not self.has_items():
            return self.planned, True
        known = [job.total for job in self.running.values() if job.total is not None]
        jobs = self.counted + len(known)
        unknown = self.planned - self.finished - len(known)
        total = self.scored + sum(known)
        return total + round(unknown * total / jobs), unknown == 0

    def speed(self) -> float | None:
        """Items (or jobs) a second of late; None when nothing can be said."""
        (first, before), (last, after) = self.samples[0], self.samples[-1]
        return (after - before) / (last - first) if after > before and last > first else None


class RunProgress:
    """What is known of a run. Its methods may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = time.time()
        self.stages: dict[str, Stage] = {}
        self.failures: dict[int, Failure] = {}
        self._attempts: dict[int, int] = {}
        self._jobs: dict[int, Job] = {}
        self._clock = time.monotonic()
        self._lock = threading.Lock()

    def handle(self, event: str, fields: Mapping[str, Any]) -> list[Failure]:
        """Take note of an event of Snakemake's log; returns the failures that it tells of.

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
            elif event == "job_error":
                return [self._fail(fields, fields.get("aux") or {})]
            elif event == "group_error":
                return [self._fail(job, fields) for job in fields["job_error_info"]]
            return []

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
            progress_file(stats).unlink(missing_ok=True)  # of an attempt that was killed
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
            except (LiveccError, OSError):
                continue
            if "found" in stats:
                stage.counted += 1
                stage.found += stats["found"]
                stage.scored += stats["items"] - stats["found"]
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
            command=fields["shellcmd"] or "",
            within=str(fields.get("container_img") or fields.get("conda_env") or ""),
            cluster_job=str(more.get("external_jobid") or ""),
            folder=str(self.folder.resolve()),
        )
        self.failures[jobid] = failure
        return failure

    def tick(self) -> None:
        """Look how far the running jobs are."""
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
    """Read how far a job is; on a cluster, also find out whether it has begun."""
    for path in job.stats:
        try:
            said = read_json(progress_file(path))
        except (LiveccError, OSError):
            continue
        job.at_work = True
        job.done, job.total, job.host = said["done"], said["total"], said["host"]
    if not job.at_work and not job.local:
        for name in job.logs:
            try:
                written = (folder / name).stat().st_mtime
            except OSError:
                continue
            job.at_work = written >= job.began - CLOCK_SECONDS


def last_lines(path: Path, count: int = LAST_LINES) -> list[str]:
    """The last lines of a log that have something on them; of a rewritten line, its last state."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 2**16))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n")]
    return [line for line in lines if line.strip()][-count:]


class Follower(logging.Handler):
    """A handler of Snakemake's log that keeps the two files in `results`.

    It also prints the state every SHOW_SECONDS, and the end of the log of each job that fails.
    """

    def __init__(self, results: Path) -> None:
        super().__init__()
        self._results = results
        self._progress = RunProgress(Path())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="follow", daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        # A dry run tells of jobs, too, but never begins.
        if event is not None and (event == "run_info" or self._thread.ident is not None):
            for failure in self._progress.handle(str(event), record.__dict__):
                show(render_last_lines(asdict(failure)))

    def start(self) -> None:
        """The jobs begin."""
        self._thread.start()

    def finish(self, state: str) -> None:
        """The run has ended: write it down, and print what failed once more, all together."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._progress.tick()
        snapshot = self._progress.snapshot(state)
        self._write(snapshot)
        if state != "finished":
            show(render(snapshot))

    def _loop(self) -> None:
        shown = time.monotonic()
        while not self._ended.wait(WRITE_SECONDS):
            self._progress.tick()
            snapshot = self._progress.snapshot("running")
            self._write(snapshot)
            if time.monotonic() - shown >= SHOW_SECONDS:
                shown = time.monotonic()
                show(render(snapshot))

    def _write(self, snapshot: Mapping[str, Any]) -> None:
        try:
            write_json(self._results / "progress.json", snapshot)
            write_bytes(self._results / "progress.txt", to_text(render(snapshot)).encode())
        except OSError as error:  # a full disk must not end the run here
            log.warning("%s: %s", self._results / "progress.json", error.strerror)
