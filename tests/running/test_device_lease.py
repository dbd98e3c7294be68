"""Jobs that take GPUs of one machine: pretended devices, real processes and real locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from livecc.errors import LiveccError
from livecc.running import device_lease
from livecc.scores.job import Engine, Item, ScoreJob, ok, run_job
from livecc.stages.job_spec import JobSpec
from tests.support import gpu_jobs
from tests.support.built_in import SCORE_STAGES
from tests.support.places import REPOSITORY

JOB = gpu_jobs.__file__
FOUR = "gpu0,gpu1,gpu2,gpu3"

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-11111111-aaaa-bbbb-cccc-000000000000)
  MIG 3g.20gb     Device  0: (UUID: MIG-22222222-aaaa-bbbb-cccc-000000000000)
  MIG 3g.20gb     Device  1: (UUID: MIG-33333333-aaaa-bbbb-cccc-000000000000)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-44444444-aaaa-bbbb-cccc-000000000000)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of its own with four GPUs."""
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        # Set first, so that what a test leaves there goes away after it.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("LIVECC_GPUS", FOUR)
    monkeypatch.setenv("LIVECC_GPU_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(device_lease, "_held", None)


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a job that holds `count` GPUs; what still runs at the end is killed."""
    jobs: list[subprocess.Popen[bytes]] = []

    def run(name: str, count: int = 1, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, JOB, str(tmp_path), str(count), name]
        jobs.append(subprocess.Popen(command, env={**os.environ, **environment}))
        return jobs[-1]

    yield run
    for job in jobs:
        job.kill()
        job.wait()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.02)


def busy(folder: Path) -> dict[str, str]:
    """GPU -> the job that holds it."""
    files = list((folder / "busy").glob("*"))
    return {file.name: file.read_text().split()[0] for file in files if file.read_text()}


def test_twelve_jobs_share_four_devices_one_at_a_time(tmp_path: Path, start: Start) -> None:
    jobs = [start(f"job{n}") for n in range(12)]
    wait_for(lambda: len(busy(tmp_path)) == 4)
    # All four are held, so the other eight can but wait.
    assert len(list((tmp_path / "used").iterdir())) == 4
    (tmp_path / "go").touch()
    assert [job.wait(timeout=60) for job in jobs] == [0] * 12
    used = Counter(path.name.split(".")[0] for path in (tmp_path / "used").iterdir())
    assert set(used) == {"gpu0", "gpu1", "gpu2", "gpu3"}
    assert used.total() == 12


def test_killed_job_gives_its_device_back(tmp_path: Path, start: Start) -> None:
    first = start("first", LIVECC_GPUS="gpu0")
    wait_for(lambda: bool(busy(tmp_path)))
    second = start("second", LIVECC_GPUS="gpu0")
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "busy" / "gpu0").unlink()
    wait_for(lambda: busy(tmp_path) == {"gpu0": "second"})
    (tmp_path / "go").touch()
    assert second.wait(timeout=60) == 0


def test_children_of_a_killed_job_do_not_keep_its_device() -> None:
    """Not even one that was forked and so has all its open files."""
    code = (
        "import os, sys, time; from livecc.running.device_lease import hold_gpus;"
        "hold_gpus('cuda', 4); child = os.fork();"
        "print(child or '', end='', flush=True) if child else None; time.sleep(60)"
    )
    job = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert job.stdout is not None
    child = int(os.read(job.stdout.fileno(), 20))
    try:
        job.kill()
        job.wait()
        assert len(device_lease.hold_gpus("cuda", 4)) == 4
        os.kill(child, 0)  # it is still there
    finally:
        os.kill(child, signal.SIGKILL)
        assert device_lease._held is not None
        device_lease._held.release()


def test_two_devices_or_none(tmp_path: Path, start: Start) -> None:
    """Jobs that need two of three devices come to their turn, all of them."""
    jobs = [start(f"job{n}", count=2, LIVECC_GPUS="gpu0,gpu1,gpu2") for n in range(3)]
    wait_for(lambda: len(busy(tmp_path)) == 2)
    assert len(set(busy(tmp_path).values())) == 1
    # The third device is free for who needs one.
    single = start("single", LIVECC_GPUS="gpu0,gpu1,gpu2")
    wait_for(lambda: len(busy(tmp_path)) == 3)
    (tmp_path / "go").touch()
    assert [job.wait(timeout=60) for job in (*jobs, single)] == [0] * 4


def test_only_devices_that_were_given_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert device_lease.hold_gpus("cuda", 1) == ("gpu2",)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "gpu2"
    assert device_lease.hold_gpus("cuda", 1) == ("gpu2",)
    assert device_lease._held is not None
    device_lease._held.release()


def test_devices_that_slurm_gave_are_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers begin at 0 in every job: two jobs may both have a GPU 0."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert device_lease.hold_gpus("cuda", 1) == ("0",)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert not (tmp_path / "locks").exists()


def test_jobs_inside_an_allocation_of_slurm_share_its_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert device_lease.hold_gpus("cuda", 1) == ("gpu1",)
    assert device_lease._held is not None
    device_lease._held.release()


@pytest.mark.parametrize("device", ["cpu", None])
def test_models_on_the_cpu_take_none(tmp_path: Path, device: str | None) -> None:
    assert device_lease.hold_gpus(device, 1) == ()
    assert not (tmp_path / "locks").exists()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_score_job_takes_its_device_when_something_is_missing(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def load_engine() -> Engine[str]:
        seen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
        row = ok(language="en", language_confidence=1.0)
        return lambda items: ([(item.id, row)] for item in items)

    def items() -> list[Item[str]]:
        return [Item("a", "key", "text")]

    flags = ["--track=sft", "--shard=one", "--transcripts=-", "--clips=-", "--engine=langid"]
    flags += [f"--cache={tmp_path}/cache", f"--output={tmp_path}/a.parquet", "--gpus=2"]
    stage: Any = SCORE_STAGES["identify_language"]
    spec = JobSpec.parse(stage, [*flags, f"--stats={tmp_path}/a.json"])
    job = ScoreJob(spec, {}, items, load_engine, {"device": "cuda"})
    run_job(job)
    assert seen == ["gpu0,gpu1"]
    assert device_lease._held is not None
    device_lease._held.release()
    device_lease._held = None
    run_job(job)
    assert device_lease._held is None


def test_more_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(LiveccError, match=r"needs 2 GPUs but may use 1 \(gpu1\)"):
        device_lease.hold_gpus("cuda", 2)


def test_file_removed_by_a_cleaner_is_locked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a file that has no name any more would keep nobody out."""
    folder = device_lease.lock_folder()
    path = folder / "gpu0.lock"
    really_open = device_lease._open
    opened = 0

    def open_and_remove(wanted: Path) -> int:
        nonlocal opened
        opened += 1
        descriptor = really_open(wanted)
        if opened == 1:
            wanted.unlink()
        return descriptor

    monkeypatch.setattr(device_lease, "_open", open_and_remove)
    descriptor = device_lease._lock(path, wait=False)
    assert descriptor is not None
    assert path.stat().st_ino == os.fstat(descriptor).st_ino
    os.close(descriptor)


def test_lock_files_can_be_locked_by_all_users(start: Start, tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        job = start("job")
        wait_for(lambda: bool(busy(tmp_path)))
    finally:
        os.umask(mask)
    locks = tmp_path / "locks"
    assert locks.stat().st_mode & 0o7777 == 0o1777
    assert {path.stat().st_mode & 0o777 for path in locks.iterdir()} == {0o666}
    (tmp_path / "go").touch()
    assert job.wait(timeout=60) == 0


def test_what_another_user_wrote_into_a_lock_file_is_only_text(tmp_path: Path) -> None:
    lock = device_lease._lock_file(tmp_path, "gpu0")
    lock.write_text("process 1 of me\n12:00:00 done \x1b]0;pwned\x07" + "x" * 1_000_000)
    [shown] = device_lease._holders(["gpu0"], tmp_path)
    assert shown.isprintable()
    assert shown.startswith("gpu0 (process 1 of me\ufffd12:00:00 done \ufffd]0;pwned")
    assert len(shown) < 120


def test_listing_of_nvidia_smi() -> None:
    assert device_lease.parse_listing(LISTING) == [
        "MIG-22222222-aaaa-bbbb-cccc-000000000000",
        "MIG-33333333-aaaa-bbbb-cccc-000000000000",
        "GPU-44444444-aaaa-bbbb-cccc-000000000000",
    ]
    assert device_lease.parse_listing("No devices were found\n") == []


def test_devices_come_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIVECC_GPUS")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert device_lease.machine_gpus() == []
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = -L ] && /bin/cat <<'END'\n{LISTING}END\n")
    program.chmod(0o755)
    assert len(device_lease.machine_gpus()) == 3


@pytest.mark.parametrize(
    ("given", "usable"),
    [
        (None, ["GPU-aa", "GPU-ab", "GPU-cc"]),
        ("0,2", ["GPU-aa", "GPU-cc"]),
        ("2,0", ["GPU-cc", "GPU-aa"]),
        ("GPU-ab", ["GPU-ab"]),
        ("GPU-c", ["GPU-cc"]),
        ("GPU-a", []),  # two begin so
        ("1,7,0", ["GPU-ab"]),
        ("-1", []),
        ("", []),
    ],
)
def test_usable_devices(
    monkeypatch: pytest.MonkeyPatch, given: str | None, usable: list[str]
) -> None:
    monkeypatch.setenv("LIVECC_GPUS", "GPU-aa,GPU-ab,GPU-cc")
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert device_lease.usable_gpus() == usable
