"""Imports packages, and forks a process for each request (tests.workflow.warm).

    python warm_server.py KIND LISTENING_SOCKET LAUNCHER

The process that was forked returns from `serve` and runs what was asked for.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing.process
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

#: Without the folder of this file, and without what the tests add.
# Python leaves out entries of PYTHONPATH that are there twice.
_GIVEN = os.environ["PYTHONPATH"].split(os.pathsep)
USUAL_PATH = [place for place in sys.path[1:] if place not in _GIVEN]

PACKAGES = {
    "snakemake": ("snakemake.cli", "msgspec", "orjson", "typer"),
    "jobs": (
        *("numpy", "pandas", "pyarrow.parquet", "pyarrow.compute", "pyarrow.dataset"),
        *("scipy.sparse", "av", "torch", "dateutil.tz", "msgspec", "orjson", "pebble", "zstandard"),
        *("langid.langid", "transformers.models.qwen2.modeling_qwen2"),
        *("transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto"),
        *("multiprocessing.spawn", "multiprocessing.pool", "concurrent.futures.process"),
    ),
}


def main() -> None:
    kind, listening, launcher = sys.argv[1:]
    for name in PACKAGES[kind]:
        importlib.import_module(name)
    if kind == "jobs":
        unpack_langid()
    assert [name for name in sys.modules if name.split(".")[0] == "livecc"] == []
    check_threads()
    gc.collect()
    gc.freeze()
    request = serve(socket.socket(fileno=int(listening)))
    run(request, launcher)


def check_threads() -> None:
    """A fork lacks the threads of its parent, for which jemalloc (of pyarrow) alone is prepared."""
    tasks = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    others = [name for name in map(str.strip, tasks) if name != "jemalloc_bg_thd"]
    assert len(others) == 1, tasks


def unpack_langid() -> None:
    """Unpack the model that the package brings, once for all processes."""
    from langid.langid import LanguageIdentifier, model

    LanguageIdentifier.from_modelstring = cache(LanguageIdentifier.from_modelstring)
    LanguageIdentifier.from_modelstring(model)


def serve(listening: socket.socket) -> dict[str, Any]:
    """Answer requests until the tests end; returns only in a process that was forked for one."""
    # By what becomes ready: the request's connection (the launcher is gone) or its process.
    connections: dict[int, tuple[socket.socket, int]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(0, selectors.EVENT_READ)
        waiting.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if waiting.get_map().get(key.fd) != key:
                    # What came with it was its end.
                    continue
                if key.fd == 0:
                    sys.exit()
                elif key.fd == listening.fileno():
                    connection, _ = listening.accept()
                    received = receive(connection)
                    if received is None:
                        connection.close()
                        continue
                    request, files = received
                    pid = os.fork()
                    if pid == 0:
                        # Of its own, so that what it starts can be killed with it.
                        os.setsid()
                        waiting.close()
                        for one in (listening, connection, *(c for c, _ in connections.values())):
                            one.close()
                        for number, file in enumerate(files):
                            os.dup2(file, number)
                            os.close(file)
                        return request
                    for file in files:
                        os.close(file)
                    answer(connection, pid)
                    process = os.pidfd_open(pid)
                    connections[process] = (connection, pid)
                    waiting.register(process, selectors.EVENT_READ)
                    waiting.register(connection, selectors.EVENT_READ, pid)
                elif key.fd in connections:
                    connection, pid = connections.pop(key.fd)
                    _, status = os.waitpid(pid, 0)
                    waiting.unregister(key.fd)
                    os.close(key.fd)
                    if connection in waiting.get_map():
                        waiting.unregister(connection)
                        answer(connection, os.waitstatus_to_exitcode(status))
                    connection.close()
                elif key.data is not None:
                    # Nothing is sent after a request, so the launcher was killed.
                    waiting.unregister(key.fileobj)
                    kill_group(key.data)


def answer(connection: socket.socket, number: int) -> None:
    """Tell a launcher, unless it was killed."""
    with suppress(OSError):
        connection.sendall(f"{number}\n".encode())


def kill_group(pid: int) -> None:
    """Kill a fork and what it has started; it may not be the leader of a group yet."""
    for kill in (os.kill, os.killpg):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and its standard files; None from a launcher that was killed."""
    files: list[int] = []
    data = b""
    with suppress(OSError):
        size, files, _, _ = socket.recv_fds(connection, 8, 3)
        while part := connection.recv(2**16):
            data += part
            if len(data) == int.from_bytes(size, "big"):
                return json.loads(data), files
    for file in files:
        os.close(file)
    return None


def run(request: dict[str, Any], launcher: str) -> NoReturn:
    """Become the process that was asked for."""
    words = request["words"]
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    multiprocessing.process.ORIGINAL_DIR = request["folder"]
    place = request["folder"] if words[0] == "-m" else str(Path(words[0]).absolute().parent)
    path = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [place, *filter(None, path), *USUAL_PATH]
    importlib.invalidate_caches()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    customize(path, words)
    if words[0] == "-m":
        # Its jobs are forks, too.
        sys.executable = launcher
        sys.argv = words[1:]
        end_with(lambda: runpy.run_module(words[1], run_name="__main__", alter_sys=True))
    sys.argv = list(words)
    end_with(lambda: runpy.run_path(words[0], run_name="__main__"))


def end_with(program: Callable[[], object]) -> NoReturn:
    """Run a program and end as an interpreter does, but leave what is in memory as it is.

    To free it, all that was imported would be copied, which takes longer than many a job.
    """
    status: Any = 0
    try:
        program()
    except SystemExit as end:
        status = end.code
    except KeyboardInterrupt:
        status = KeyboardInterrupt
        sys.excepthook(*sys.exc_info())
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError, OSError):
            stream.flush()
    if status is KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(int(status or 0) & 0xFF)


def customize(path: list[str], words: list[str]) -> None:
    """Import `sitecustomize` from the folders of PYTHONPATH, as an interpreter that starts."""
    sys.orig_argv = [sys.executable, *words]
    if any(Path(folder, "sitecustomize.py").exists() for folder in path if folder):
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")


if __name__ == "__main__":
    main()
