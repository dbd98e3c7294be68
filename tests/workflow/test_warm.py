"""A process that is a fork behaves as one that was started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.killing import wait_until
from tests.workflow.warm import warm_python

pytestmark = pytest.mark.workflow

SCRIPT = """
import os, signal, sys
import livecc, torch
print(livecc.__file__, os.getcwd(), os.environ["MARK"], sys.argv[1:], __name__, flush=True)
print("an error", file=sys.stderr)
if sys.argv[1] == "raise":
    raise ValueError("raised")
if sys.argv[1].startswith("-"):
    os.kill(os.getpid(), -int(sys.argv[1]))
sys.exit(int(sys.argv[1]))
"""


def test_a_fork_is_as_the_process_itself(tmp_path: Path) -> None:
    (tmp_path / "livecc").mkdir()
    (tmp_path / "livecc" / "__init__.py").touch()
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MARK": "a mark"}
    for word in ("0", "3", "raise", str(-signal.SIGKILL), str(-signal.SIGTERM)):
        cold, warm = (
            subprocess.run(
                [python, str(script), word],
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env=environment,
                check=False,
            )
            for python in (sys.executable, warm_python())
        )
        assert warm.returncode == cold.returncode
        assert warm.stdout == cold.stdout
        assert str(tmp_path / "livecc") in warm.stdout
        assert warm.stderr.splitlines()[:1] == cold.stderr.splitlines()[:1] == ["an error"]
        assert warm.stderr.splitlines()[-1] == cold.stderr.splitlines()[-1]


def test_what_a_fork_has_started_ends_with_its_launcher(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import subprocess, time, observed\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "print(observed.words, child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['observed'] = sys\nsys.words = sys.orig_argv[1:]\n"
    )
    launcher = subprocess.Popen(
        [warm_python(), str(script), "a"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert launcher.stdout is not None
    words, child = launcher.stdout.readline().rsplit(None, 1)
    assert words == str([str(script), "a"])
    assert Path("/proc", child).exists()
    launcher.kill()
    assert launcher.wait() == -signal.SIGKILL
    # Whoever adopts it has not asked for its status yet.
    assert wait_until(lambda: not Path("/proc", child, "cwd").exists(), 30)


def test_launchers_that_are_killed_at_any_time_harm_no_other(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('done', flush=True)\n")

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [warm_python(), str(script)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )

    def finished() -> None:
        process = start()
        assert process.communicate(timeout=60)[0] == "done\n"
        assert process.returncode == 0

    finished()
    for number in range(60):
        process = start()
        # A launcher lives for some 50 ms.
        time.sleep(number / 1000)
        process.kill()
        process.communicate()
    finished()
