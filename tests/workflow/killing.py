"""Snakemake started, watched and killed, as a machine that vanishes or a user would."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.running import Project
from tests.workflow.warm import warm_python

#: Nothing takes so long, however busy the machine is.
SECONDS = 600
WARM_DRIVER = Path(__file__).with_name("warm_driver.py")
#: Folders and files below a track's results that tell of times and of what was in the cache.
_TIMES = ("stats",)


@dataclass(frozen=True)
class Process:
    """A process of a run: its id and the stage whose script it runs ("" for others)."""

    pid: int
    stage: str


class StartedRun:
    """Snakemake in a session of its own, so that its jobs can be told from all other processes.

    Where the project is warm, the jobs' processes in it are launchers of forks: a signal to one
    reaches its fork, and with its end the fork ends.
    """

    def __init__(self, project: Project, *flags: str, environment: dict[str, str]) -> None:
        self.folder = project.folder
        self.log = project.folder / "snakemake.log"
        command = project.command(*flags)
        if project.warm:
            command[:3] = [sys.executable, str(WARM_DRIVER), warm_python()]
        with self.log.open("wb") as stream:
            self.driver = subprocess.Popen(
                command,
                cwd=project.folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=heed_interrupts,
            )

    @property
    def pid(self) -> int:
        return self.driver.pid

    def ended(self) -> bool:
        return self.driver.poll() is not None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for the driver's end; returns its exit code."""
        return self.driver.wait(seconds)

    def processes(self) -> list[Process]:
        """What lives of the run, whoever its parent is now."""
        return [Process(pid, _stage(pid)) for pid in _session(self.pid)]

    def stages(self) -> set[str]:
        """The stages that jobs are running of."""
        return {process.stage for process in self.processes()} - {""}

    def kill_all(self) -> None:
        """SIGKILL to everything at once: the machine is gone."""
        os.killpg(self.pid, signal.SIGKILL)
        self.driver.wait(SECONDS)
        self.wait_for_jobs()

    def kill_driver(self) -> None:
        """SIGKILL to Snakemake alone: its jobs stay behind."""
        self.driver.kill()
        self.driver.wait(SECONDS)

    def wait_for_jobs(self, seconds: float = SECONDS) -> None:
        """Wait until nothing of the run, or of another in its folder, lives."""
        assert wait_until(lambda: not _working_in(self.folder), seconds), self.processes()


def heed_interrupts() -> None:
    """As in a terminal; what a shell script runs in the background ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(true: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Whether something came true within a time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def clear(project: Project, keep_scores_of: Collection[str] = ()) -> None:
    """Forget all runs: results, what Snakemake noted, and caches but those of some stages."""
    shutil.rmtree(project.folder / ".snakemake", ignore_errors=True)
    kept = [project.results("cache", stage) for stage in keep_scores_of]
    for path in project.results().glob("*"):
        if path != project.results("cache"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in project.results("cache").glob("*"):
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def final_files(project: Project) -> dict[str, bytes]:
    """The content of all results that do not tell of times."""
    found = {}
    for track in project.config["tracks"]:
        for path in sorted(project.results(track).rglob("*")):
            relative = path.relative_to(project.results())
            if path.is_file() and relative.parts[1] not in _TIMES:
                found[str(relative)] = path.read_bytes()
    return found


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Names of files that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def stray_files(*folders: Path) -> list[str]:
    """Files and folders that only a writer at work should have."""
    return sorted(
        str(path)
        for folder in folders
        for path in folder.rglob("*")
        if path.name.startswith(".") or path.suffix == ".tmp"
    )


def _session(leader: int) -> list[int]:
    """Ids of the living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields and int(fields[3]) == leader and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


def _working_in(folder: Path) -> list[int]:
    """Ids of the living processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and entry.joinpath("cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            # It has ended.
            continue
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _stage(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    # After the interpreter, its options and the launcher, where there is one.
    scripts = [Path(word) for word in words[:4] if word.endswith(".py")]
    return scripts[0].stem if scripts and scripts[0].parent.name == "scripts" else ""
