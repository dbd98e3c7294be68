from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from livecc.errors import LiveccError
from livecc.media.frames import Frames
from livecc.media.pool import Failure, decode_ahead, work_ahead
from livecc.media.resize import Squash
from tests.support.videos import frame_numbers, write_video


def behave(how: str) -> object:
    """A task for the workers; what it does depends on its argument."""
    if how == "crash":
        ctypes.string_at(0)
    if how == "hang":
        ctypes.CDLL(None).sleep(600)
    if how == "user error":
        raise LiveccError("this file is no good")
    if how == "bug":
        raise ValueError("what was not expected")
    if how == "install":
        raise ImportError("no module named decoder")
    if how == "modules":
        return sorted({"torch", "transformers", "onnxruntime"} & set(sys.modules))
    return how


def run(items: list[str], **options: float) -> list[object]:
    settings = {"workers": 2, "timeout_seconds": 1.0, "ahead": 4, **options}
    return list(work_ahead(behave, list(enumerate(items)), **settings))


def test_one_bad_item_does_not_harm_the_others() -> None:
    items = ["a", "crash", "b", "hang", "user error", "bug", "c", "crash", "d"]
    results = run(items)
    assert [key for key, _ in results] == list(range(len(items)))
    outcomes = [outcome for _, outcome in results]
    assert [o for o in outcomes if isinstance(o, str)] == ["a", "b", "c", "d"]
    assert outcomes[1] == outcomes[7] == Failure("the decoder crashed (SIGSEGV)", transient=True)
    assert outcomes[3] == Failure(
        "not read within 1 s: the decoder hangs or is too slow", transient=True
    )
    assert outcomes[4] == Failure("this file is no good")
    assert outcomes[5] == Failure("ValueError: what was not expected")


def test_workers_hold_no_model_library() -> None:
    assert run(["modules"], timeout_seconds=30) == [(0, [])]


def test_broken_installation_is_not_the_items_fault() -> None:
    with pytest.raises(LiveccError, match="install the requirements"):
        run(["install"])


def test_look_ahead_is_bounded() -> None:
    taken = []

    def items():
        for k in range(20):
            taken.append(k)
            yield k, "x"

    results = work_ahead(behave, items(), workers=2, timeout_seconds=10, ahead=3)
    for done in range(1, 18):
        next(results)
        assert len(taken) <= done + 2
    results.close()
    assert len(taken) < 20


@pytest.mark.parametrize("option", ["workers", "ahead"])
def test_nonsense_options(option: str) -> None:
    with pytest.raises(LiveccError, match=option):
        run(["a"], **{option: 0})


def test_videos_are_decoded_in_order(tmp_path: Path) -> None:
    items = []
    for k in range(5):
        items.append((k, write_video(tmp_path / f"{k}.mp4", 20 + 10 * k)))
        items.append((f"missing {k}", tmp_path / "missing.mp4"))
    results = list(decode_ahead(items, 3, Squash(64, 64), workers=2, ahead=4))
    assert [key for key, _ in results] == [key for key, _ in items]
    for key, frames in results:
        if isinstance(key, int):
            assert isinstance(frames, Frames)
            assert frames.pixels.shape == (3, 64, 64, 3)
            assert frame_numbers(frames.pixels)[::2] == [0, 19 + 10 * key]
        else:
            assert frames == Failure("no such file")


HANGING_PARENT = """
import os, sys, time
from livecc.media.pool import work_ahead

def report(seconds):
    with open({pids!r}, "a") as handle:
        handle.write(f"{{os.getpid()}}\\n")
    time.sleep(seconds)

if __name__ == "__main__":
    items = [(k, 600) for k in range(4)]
    list(work_ahead(report, items, workers=2, timeout_seconds=600, ahead=4))
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    script, pids = tmp_path / "parent.py", tmp_path / "pids"
    script.write_text(HANGING_PARENT.format(pids=str(pids)))
    with subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL) as parent:
        wait_for(lambda: pids.exists() and len(pids.read_text().splitlines()) == 2, 60)
        workers = [int(line) for line in pids.read_text().splitlines()]
        assert all(alive(pid) for pid in workers)
        os.kill(parent.pid, how)
        parent.wait(30)
    wait_for(lambda: not any(alive(pid) for pid in workers), 10)


WORKING_PARENT = """
from livecc.media.pool import work_ahead

def double(value):
    return 2 * value

if __name__ == "__main__":
    work = work_ahead(double, [(1, 21)], workers=1, timeout_seconds=60, ahead=1)
    assert list(work) == [(1, 42)]
"""


def test_no_module_in_the_working_directory_is_run(tmp_path: Path) -> None:
    """People start commands in folders of downloads, whose files come from anywhere."""
    script, folder = tmp_path / "parent.py", tmp_path / "downloads"
    script.write_text(WORKING_PARENT)
    folder.mkdir()
    for name in ("multiprocessing", "json", "av", "numpy", "random"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n")
    subprocess.run([sys.executable, script], cwd=folder, check=True, timeout=120)
    assert not (tmp_path / "was-run").exists()


def wait_for(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
