"""Preprocessing of files ahead of the model, in worker processes that may crash or hang.

Decoders run native code on arbitrary uploads. Each file is therefore opened in a worker process
with a time limit: a decoder that crashes or hangs only affects its worker, the file gets a
`Failure`, and a new worker continues with the next file. Results come in the order of the items,
and at most `ahead` of them are buffered.

Workers are started with `spawn`, so they hold neither the model nor a CUDA context, and they end
with their parent process, however it ends.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from livecc.errors import LiveccError
from livecc.media.decord_library import import_decord
from livecc.media.frames import Frames, read_frames
from livecc.media.resize import Resize

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pebble import ProcessPool

    from livecc.declaration import Setup

START_SECONDS = 120
PARENT_CHECK_SECONDS = 0.5
# Python looks for the modules of `python -c`, as which workers start, in the working directory
# first: in a folder of downloads, a file multiprocessing.py would be run. This tells it not to.
_SAFE_PATH = "PYTHONSAFEPATH"

Key = TypeVar("Key", bound=Hashable)
Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no result.

    `transient`: another try may succeed, because the file is not the only possible cause (a time
    limit, a killed worker).
    """

    reason: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How an engine reads files; nothing here changes a result.

    `workers` processes read ahead of the model, with `threads` threads each (0: the decoder
    chooses). A file that takes longer than `timeout_seconds` fails. At most `ahead` decoded files
    wait in memory, in addition to those being processed (0: the engine chooses).
    """

    workers: int = 1
    threads: int = 1
    timeout_seconds: float = 120.0
    ahead: int = 0

    @classmethod
    def of(cls, setup: Setup) -> DecodeOptions:
        """One core is left to the model."""
        return cls(
            workers=max(1, setup.threads - 1),
            timeout_seconds=setup.options["decode_timeout_seconds"],
        )


def decode_ahead(
    items: Iterable[tuple[Key, Path | str]],
    count: int,
    resize: Resize | None = None,
    *,
    workers: int = 2,
    timeout_seconds: float = 120.0,
    ahead: int = 8,
    threads: int = 0,
) -> Generator[tuple[Key, Frames | Failure], None, None]:
    """Yield (key, `count` sampled frames or a Failure) for every (key, path), in order.

    `threads` is the number of decoding threads per worker; 0 lets the decoder choose. The other
    parameters are those of `work_ahead`.
    """
    task = _ReadFrames(count, resize, threads)
    return work_ahead(task, items, workers=workers, timeout_seconds=timeout_seconds, ahead=ahead)


@dataclass(frozen=True, slots=True)
class _ReadFrames:
    count: int
    resize: Resize | None
    threads: int

    def __call__(self, path: Path | str) -> Frames:
        return read_frames(path, self.count, self.resize, self.threads)


def work_ahead(
    task: Callable[[Argument], Result],
    items: Iterable[tuple[Key, Argument]],
    *,
    workers: int,
    timeout_seconds: float,
    ahead: int,
    warm_up: Callable[[], object] | None = None,
) -> Generator[tuple[Key, Result | Failure], None, None]:
    """Yield (key, `task(argument)` or a Failure) for every (key, argument), in order.

    `task`, arguments and results must be picklable. `items` is read only up to `ahead` unconsumed
    results. A LiveccError or any other exception of `task` becomes the item's reason; ImportError
    is raised, because it means that the installation is broken, not the item. `timeout_seconds`
    counts from the start of an item in a worker. `warm_up` imports what the tasks need, before the
    first one (by default the video decoders).

    Raises LiveccError when the workers cannot be started.
    """
    # Before multiprocessing starts its first process.
    os.environ.setdefault(_SAFE_PATH, "1")
    import multiprocessing

    from pebble import ProcessPool

    if workers < 1 or ahead < 1:
        raise LiveccError(f"workers ({workers}) and ahead ({ahead}) must be at least 1")
    pool = ProcessPool(
        max_workers=workers,
        initializer=_start_worker,
        initargs=(os.getpid(),),
        context=multiprocessing.get_context("spawn"),
    )
    waiting: deque[tuple[Key, Future[Result]]] = deque()
    try:
        _check_workers_start(pool, warm_up or _decoders)
        for key, argument in items:
            waiting.append((key, pool.schedule(task, args=[argument], timeout=timeout_seconds)))
            while len(waiting) >= ahead:
                key, future = waiting.popleft()
                yield key, _outcome(future, timeout_seconds)
        while waiting:
            key, future = waiting.popleft()
            yield key, _outcome(future, timeout_seconds)
    finally:
        pool.stop()
        pool.join()


def _check_workers_start(pool: ProcessPool, warm_up: Callable[[], object]) -> None:
    """Fail early, with a reason, if workers cannot start: otherwise every item would fail."""
    future = pool.schedule(warm_up, timeout=START_SECONDS)
    outcome = _outcome(future, START_SECONDS)
    if isinstance(outcome, Failure):
        raise LiveccError(f"the decoding processes do not start: {outcome.reason}")


def _decoders() -> list[str]:
    """Import what the tasks need; done first, it does not count towards time limits."""
    import av
    import PIL.Image

    return [import_decord().__name__, av.__name__, PIL.__name__]


def _outcome(future: Future[Any], timeout_seconds: float) -> Any:
    """The result of a pebble future; a Failure for an exception, a hang or a crash."""
    from pebble import ProcessExpired

    try:
        return future.result()
    except LiveccError as error:
        return Failure(str(error))
    except ImportError as error:
        raise LiveccError(
            f"the decoding processes cannot import a package ({error}); install the requirements"
            " of this environment"
        ) from None
    except TimeoutError:
        reason = f"not read within {timeout_seconds:g} s: the decoder hangs or is too slow"
        return Failure(reason, transient=True)
    except ProcessExpired as error:
        return Failure(f"the decoder crashed ({_ending(error.exitcode)})", transient=True)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}")


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"{name}, often out of memory" if -code == signal.SIGKILL else name
    return f"exit code {code}"


def _start_worker(parent: int) -> None:
    """Silence the process, and end it when its parent ends."""
    # FFmpeg and decord write to the file descriptor, not to sys.stderr.
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)
    os.close(quiet)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)
