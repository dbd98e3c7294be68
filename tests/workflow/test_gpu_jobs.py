"""Jobs of one machine's Snakemake that need GPUs: pretended devices, and all the rest is real."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import gpu_jobs
from tests.workflow.running import FOLD, Project, record

pytestmark = pytest.mark.workflow

SHARDS = 12
JOB = gpu_jobs.__file__


@pytest.fixture
def project(tmp_path: Path, tiny_lm: Path) -> Project:
    """Twelve shards whose score_lm_loss does nothing but hold its GPU."""
    project = Project(tmp_path / "project")
    (project.folder / "videos").mkdir(parents=True)
    for n in range(SHARDS):
        project.write_input(f"s{n}", [record("boat.mp4", FOLD[n:])])
    # In place of the stage's script, with the arguments that tell the shard, GPUs and outputs.
    python = tmp_path / "python"
    python.write_text(
        f"""\
#!{sys.executable}
import subprocess, sys
words = sys.argv[1:]
if not words[0].endswith("score_lm_loss.py"):
    sys.exit(subprocess.run([sys.executable, *words]).returncode)
def option(name): return words[words.index(name) + 1]
shard = next(word.split("=")[1] for word in words if word.startswith("--shard="))
job = [sys.executable, {JOB!r}, {str(tmp_path)!r}, option("--gpus"), shard]
status = subprocess.run(job).returncode
if status == 0:
    for name in ("--output", "--stats"):
        open(option(name), "w").write("{{}}")
sys.exit(status)
"""
    )
    python.chmod(0o755)
    project.config = {
        "device": "cuda",
        # Its videos are no recordings of what is said.
        "probe_videos": {"enabled": False},
        "models_folder": str(tmp_path / "models"),
        "tracks": {"pretrain": {"inputs": ["input/*.jsonl"], "videos": "videos"}},
        "identify_language": {"enabled": False},
        "score_talking_head": {"enabled": False},
        "score_lm_loss": {"model": str(tiny_lm)},
        "environments": {"lm": str(python)},
    }
    return project


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.05)


def test_twelve_jobs_on_four_devices(project: Project, tmp_path: Path) -> None:
    environment = {
        "LIVECC_GPUS": "gpu0,gpu1,gpu2,gpu3",
        "LIVECC_GPU_LOCKS": str(tmp_path / "locks"),
        "CUDA_VISIBLE_DEVICES": "0,1,2,3",
    }
    flags = ("--until", "score_lm_loss", "--cores", "24", "--retries", "1")

    def names(part: str) -> list[str]:
        return [path.name for path in (tmp_path / part).glob("*")]

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(project.run, *flags, environment=environment)
        try:
            wait_for(lambda: len(names("busy")) == 4 or running.done())
            # No job waits for a device: Snakemake starts as many as there are.
            assert len(names("started")) == 4, running.done() and running.result().output[-3000:]
            # A job that is killed gives its device to another one.
            victim = tmp_path / "busy" / "gpu2"
            wait_for(lambda: len(victim.read_text().split()) == 2)
            pid = int(victim.read_text().split()[1])
            victim.unlink()
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: victim.exists() or running.done())
        finally:
            (tmp_path / "go").touch()
        run = running.result()
    assert run.status == 0, run.output[-3000:]
    assert run.jobs()["score_lm_loss"] == SHARDS
    used = Counter(name.split(".")[0] for name in names("used"))
    assert set(used) == {"gpu0", "gpu1", "gpu2", "gpu3"}
    # Twelve shards, and the killed one's second try, on whichever device.
    assert used.total() in (SHARDS, SHARDS + 1)
    assert names("busy") == []
