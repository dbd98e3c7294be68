"""Snakemake and its jobs in processes that have imported their packages already.

A run of a small project spends most of its time on imports: Snakemake's own take 2 s, those of a
language model 7 s, and langid unpacks its model for 4 s, in each process anew. Here two servers
import the packages of others once, and each process is a fork of one of them. This project's own
code is never imported before the fork: each process finds it on its own path, as always.

A fork runs the `sitecustomize.py` of its PYTHONPATH, as an interpreter that starts, and is the
leader of a session: when its launcher is killed, so is all that it has started. Processes that are
compared bit for bit are started cold (`Project.warm`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("warm_server.py")

#: Takes the place of the interpreter. Isolated and without site, it starts within 20 ms.
_LAUNCHER = """#!{python} -IS
import json, os, signal, socket, sys

words = sys.argv[1:]
kind = "snakemake" if words[:2] == ["-m", "snakemake"] else "jobs"
if kind == "jobs" and not (words and words[0].endswith(".py")):
    os.execv({python!r}, [{python!r}, *words])
server = socket.socket(socket.AF_UNIX)
server.connect(os.path.join({folder!r}, kind))
request = {{"words": words, "folder": os.getcwd(), "environment": dict(os.environ)}}
data = json.dumps(request).encode()
socket.send_fds(server, [len(data).to_bytes(8, "big")], [0, 1, 2])
server.sendall(data)
answers = server.makefile()
pid = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: os.killpg(pid, number))
status = int(answers.readline() or -signal.SIGKILL)
if status < 0:
    if -status != signal.SIGKILL:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


@cache
def warm_python() -> str:
    """What to start instead of `sys.executable`; that itself where processes cannot be forked."""
    if sys.platform != "linux":
        return sys.executable
    folder = tempfile.mkdtemp(prefix="warm-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    launcher = Path(folder, "python")
    launcher.write_text(_LAUNCHER.format(python=sys.executable, folder=folder))
    launcher.chmod(0o755)
    for kind in ("snakemake", "jobs"):
        _start(kind, Path(folder, kind), launcher)
    return str(launcher)


def _start(kind: str, place: Path, launcher: Path) -> None:
    """Start a server; who asks it before it is ready waits."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(64)
        server = subprocess.Popen(
            [sys.executable, str(SERVER), kind, str(listening.fileno()), str(launcher)],
            # The server ends when this process does, and with it the other end.
            stdin=subprocess.PIPE,
            # Libraries start no threads when they are imported, which a fork would not have.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[listening.fileno()],
        )
    assert server.stdin is not None
    atexit.register(server.stdin.close)
