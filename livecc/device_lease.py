"""GPUs of one machine, each held by one job at a time.

Jobs that run side by side on a machine take their GPUs here, whoever started them: two workflows,
or two users, never share one. A GPU is held by a lock on a file in a folder of the machine, and the
kernel gives it back when the process ends, however it ends. The locks are POSIX record locks and
not `flock`, because a child process does not inherit them: a decoder that outlives a killed job
does not keep its GPU.

Environment variables: CUDA_VISIBLE_DEVICES names the GPUs that may be taken (set by a scheduler or
a user; all by default), LIVECC_GPUS names the machine's GPUs in place of `nvidia-smi`, and
LIVECC_GPU_LOCKS the folder of the lock files.
"""

from __future__ import annotations

import fcntl
import getpass
import logging
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livecc.errors import LiveccError

log = logging.getLogger(__name__)

#: Not tempfile.gettempdir(): TMPDIR is often a user's or a job's own, and all must meet here.
LOCK_FOLDER = Path("/tmp/livecc-gpus")
POLL_SECONDS = 1.0
#: How often a waiting job says whom it waits for.
TELL_SECONDS = 60.0
NVIDIA_SMI_SECONDS = 60

#: A line of `nvidia-smi -L`: a GPU, or below it a part of one (MIG).
_LISTED = re.compile(r"^\s*(?P<kind>GPU|MIG)\b.*\(UUID: (?P<uuid>[^)]+)\)\s*$")


@dataclass(slots=True)
class Lease:
    """GPUs that this process holds: their ids, and the open lock files."""

    gpus: tuple[str, ...]
    descriptors: tuple[int, ...] = ()

    def release(self) -> None:
        """Give the GPUs back before the process ends."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()


#: What this process holds; kept until it ends.
_held: Lease | None = None


def hold_gpus(device: str | None, count: int) -> tuple[str, ...]:
    """Take `count` GPUs for the rest of this process, let CUDA see no others, return their ids.

    Waits until so many are free: all of them are taken at once or none, so that jobs which wait for
    each other do not exist. To be called before CUDA starts in this process, and only when there is
    work for it. Nothing is taken for another `device` than "cuda", nor where Slurm gave the job no
    more GPUs than it needs: those are its own. A second call keeps what the first one took.

    Raises LiveccError when there are fewer GPUs than `count`.
    """
    global _held
    if device != "cuda":
        return ()
    if _held is None:
        _held = _lease(max(1, count))
        if _held.descriptors:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_held.gpus)
            log.info("GPU %s is this job's until it ends", ", ".join(_held.gpus))
    return _held.gpus


def _lease(count: int) -> Lease:
    given = _given_gpus()
    if given is not None and len(given) <= count and "SLURM_JOB_ID" in os.environ:
        return Lease(tuple(given))
    gpus = usable_gpus()
    if not gpus:
        log.warning(
            "nvidia-smi lists no GPU, so jobs on this machine may share one; "
            "LIVECC_GPUS=0,1,... can name them"
        )
        return Lease(())
    if len(gpus) < count:
        raise LiveccError(
            f"this job needs {count} GPUs and may use {len(gpus)} ({', '.join(gpus)}); lower the "
            "gpu of its stage below resources in the configuration, or let it use more "
            "(CUDA_VISIBLE_DEVICES)"
        )
    return wait_for_gpus(gpus, count, lock_folder())


def machine_gpus() -> list[str]:
    """Ids of the machine's GPUs, in the order of nvidia-smi; empty where there is none.

    A GPU that is cut into parts (MIG) is told as its parts.
    """
    named = os.environ.get("LIVECC_GPUS")
    if named is not None:
        return _names(named)
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            text=True,
            timeout=NVIDIA_SMI_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_listing(listed)


def parse_listing(listed: str) -> list[str]:
    """The UUIDs in the output of `nvidia-smi -L`; in place of a GPU in parts, its parts."""
    found: list[str] = []
    whole = False  # whether the last one found is a GPU, not a part
    for match in filter(None, map(_LISTED.match, listed.splitlines())):
        if match["kind"] == "MIG" and whole:
            found.pop()
        found.append(match["uuid"])
        whole = match["kind"] == "GPU"
    return found


def usable_gpus() -> list[str]:
    """Ids of the GPUs that a job of this process may take.

    CUDA_VISIBLE_DEVICES may name them by number, in the order of nvidia-smi, or by UUID or its
    beginning. As for CUDA, the first one that does not exist ends the list.
    """
    given = _given_gpus()
    if given is None:
        return machine_gpus()
    machine = machine_gpus()
    if not machine:
        return [] if "-1" in given else given
    found: list[str] = []
    for name in given:
        if name.isdecimal() and int(name) < len(machine):
            matches = [machine[int(name)]]
        else:
            matches = [gpu for gpu in machine if gpu == name or _begins(gpu, name)]
        if len(matches) != 1:
            break
        found += [gpu for gpu in matches if gpu not in found]
    return found


def _given_gpus() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES names; None when it is not set."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if value is None else _names(value)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _begins(uuid: str, name: str) -> bool:
    return name.startswith(("GPU-", "MIG-")) and uuid.startswith(name)


# --- lock files ----------------------------------------------------------------------------------


def lock_folder() -> Path:
    """The folder of the lock files, which every user of the machine may write to."""
    folder = Path(os.environ.get("LIVECC_GPU_LOCKS") or LOCK_FOLDER)
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    if folder.is_symlink() or not folder.is_dir():
        raise LiveccError(f"{folder}: must be a folder, for the locks of this machine's GPUs")
    return folder


def wait_for_gpus(gpus: Sequence[str], count: int, folder: Path) -> Lease:
    """Hold `count` of `gpus` as soon as so many are free."""
    told = -TELL_SECONDS
    while True:
        # One job looks at a time; so of two that need two GPUs, neither ends up with one.
        with _looking(folder):
            lease = _take(gpus, count, folder)
        if lease is not None:
            return lease
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            log.info("waiting for %d of the GPUs %s", count, ", ".join(_holders(gpus, folder)))
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))


def _take(gpus: Sequence[str], count: int, folder: Path) -> Lease | None:
    """Lock `count` files that nobody holds; None, and no lock, when there are fewer."""
    taken: dict[str, int] = {}
    for gpu in gpus:
        descriptor = _lock(_lock_file(folder, gpu), wait=False)
        if descriptor is not None:
            taken[gpu] = descriptor
            if len(taken) == count:
                for held in taken.values():
                    _sign(held)
                return Lease(tuple(taken), tuple(taken.values()))
    Lease(tuple(taken), tuple(taken.values())).release()
    return None


def _lock_file(folder: Path, gpu: str) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', gpu)}.lock"


@contextmanager
def _looking(folder: Path) -> Iterator[None]:
    descriptor = _lock(folder / "looking", wait=True)
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(path: Path, *, wait: bool) -> int | None:
    """The descriptor of the locked file; None when another process holds it and `wait` is False.

    Closing any descriptor of a file gives up this process's lock on it, so a file that is held
    must not be opened again.
    """
    while True:
        descriptor = _open(path)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            os.close(descriptor)
            if wait:
                raise
            return None
        except BaseException:
            os.close(descriptor)
            raise
        # A cleaner of /tmp may have removed the file after it was opened.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)


def _open(path: Path) -> int:
    """A descriptor of the file, which every user may lock, not inherited by child processes.

    It is opened without O_CREAT first: in a sticky folder, Linux denies that for files of others.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    mask = os.umask(0)
    try:
        return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    finally:
        os.umask(mask)


def _sign(descriptor: int) -> None:
    """Say who holds a lock file, for those who wait."""
    script = Path(sys.argv[0]).name
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for this user
        user = str(os.getuid())
    text = f"process {os.getpid()} of {user}, {script}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(errors="replace"), 0)


def _holders(gpus: Sequence[str], folder: Path) -> list[str]:
    """Each GPU with who held it last; none of them is held by this process."""
    texts = []
    for gpu in gpus:
        try:
            holder = _lock_file(folder, gpu).read_text(encoding="utf-8", errors="replace")[:100]
        except OSError:
            holder = ""
        texts.append(f"{gpu} ({holder})" if holder else gpu)
    return texts
