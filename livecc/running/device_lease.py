"""Exclusive leases on the GPUs of one machine.

All jobs on a machine lease their GPUs here, so that even two workflows or two users never share
one. A GPU is held by a lock on a file in a machine-wide folder, which the kernel releases when the
process ends, however it ends. The locks are POSIX record locks and not `flock`, because child
processes do not inherit them: a decoder that outlives a killed job does not keep its GPU.

Environment variables: CUDA_VISIBLE_DEVICES names the GPUs that may be taken (set by a scheduler or
a user; all by default), LIVECC_GPUS names the machine's GPUs in place of `nvidia-smi`, and
LIVECC_GPU_LOCKS the folder of the lock files.
"""

from __future__ import annotations

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
from livecc.files.paths import expanded
from livecc.files.record_lock import lock, sign
from livecc.terminal import printable

log = logging.getLogger(__name__)

#: Not tempfile.gettempdir(): TMPDIR often differs by user or job, but all must share this folder.
LOCK_FOLDER = Path("/tmp/livecc-gpus")
POLL_SECONDS = 1.0
#: How often a waiting job logs what it is waiting for.
TELL_SECONDS = 60.0
NVIDIA_SMI_SECONDS = 60

#: A line of `nvidia-smi -L`: a GPU, or below it one of its MIG devices.
_LISTED = re.compile(r"^\s*(?P<kind>GPU|MIG)\b.*\(UUID: (?P<uuid>[^)]+)\)\s*$")


@dataclass(slots=True)
class Lease:
    """GPUs that this process holds: their ids, and the open lock files."""

    gpus: tuple[str, ...]
    descriptors: tuple[int, ...] = ()

    def release(self) -> None:
        """Release the GPUs before the process ends."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = ()


#: GPUs leased by this process; kept until it ends.
_held: Lease | None = None


def hold_gpus(device: str | None, count: int) -> tuple[str, ...]:
    """Lease `count` GPUs for the rest of this process, hide all others from CUDA, return their ids.

    Waits until enough are free and takes all at once, so that jobs cannot deadlock. Call it before
    CUDA is initialized, and only if there is work. Does nothing unless `device` is "cuda", or if
    Slurm allocated no more GPUs than needed. A second call keeps the first lease.

    Raises LiveccError when the machine has fewer than `count` GPUs.
    """
    global _held
    if device != "cuda":
        return ()
    if _held is None:
        _held = _lease(max(1, count))
        if _held.descriptors:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_held.gpus)
            log.info("using GPU %s", ", ".join(_held.gpus))
    return _held.gpus


def _lease(count: int) -> Lease:
    given = _given_gpus()
    if given is not None and len(given) <= count and "SLURM_JOB_ID" in os.environ:
        return Lease(tuple(given))
    gpus = usable_gpus()
    if not gpus:
        log.warning(
            "nvidia-smi lists no GPU, so jobs on this machine may share one; "
            "set LIVECC_GPUS=0,1,... to list them"
        )
        return Lease(())
    if len(gpus) < count:
        raise LiveccError(
            f"this job needs {count} GPUs but may use {len(gpus)} ({', '.join(gpus)}); lower "
            "resources.STAGE.gpu in the configuration, or let it use more "
            "(CUDA_VISIBLE_DEVICES)"
        )
    return wait_for_gpus(gpus, count, lock_folder())


def machine_gpus() -> list[str]:
    """Ids of the machine's GPUs, in the order of nvidia-smi.

    A GPU in MIG mode is listed as its MIG devices.
    """
    named = os.environ.get("LIVECC_GPUS")
    if named is not None:
        return _names(named)
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NVIDIA_SMI_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_listing(listed)


def parse_listing(listed: str) -> list[str]:
    """The UUIDs in the output of `nvidia-smi -L`; MIG devices replace their GPU."""
    found: list[str] = []
    whole = False  # whether the last UUID is a GPU, not a MIG device
    for match in filter(None, map(_LISTED.match, listed.splitlines())):
        if match["kind"] == "MIG" and whole:
            found.pop()
        found.append(match["uuid"])
        whole = match["kind"] == "GPU"
    return found


def usable_gpus() -> list[str]:
    """Ids of the GPUs that a job of this process may use.

    CUDA_VISIBLE_DEVICES may list them by number, in the order of nvidia-smi, or by UUID prefix. As
    in CUDA, the first invalid entry ends the list.
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
    """The entries of CUDA_VISIBLE_DEVICES; None if unset."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if value is None else _names(value)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _begins(uuid: str, name: str) -> bool:
    return name.startswith(("GPU-", "MIG-")) and uuid.startswith(name)


# --- lock files ----------------------------------------------------------------------------------


def lock_folder() -> Path:
    """The folder of the lock files, writable by every user of the machine."""
    folder = expanded(os.environ.get("LIVECC_GPU_LOCKS") or LOCK_FOLDER)
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    if folder.is_symlink() or not folder.is_dir():
        raise LiveccError(f"{folder}: must be a folder for the GPU lock files of this machine")
    return folder


def wait_for_gpus(gpus: Sequence[str], count: int, folder: Path) -> Lease:
    """Lease `count` of `gpus` as soon as enough are free."""
    told = -TELL_SECONDS
    while True:
        # One job tries at a time, so that two jobs that need two GPUs cannot each get one.
        with _looking(folder):
            lease = _take(gpus, count, folder)
        if lease is not None:
            return lease
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            log.info("waiting for %d of the GPUs %s", count, ", ".join(_holders(gpus, folder)))
        time.sleep(POLL_SECONDS * random.uniform(0.5, 1.5))


def _take(gpus: Sequence[str], count: int, folder: Path) -> Lease | None:
    """Lock `count` free files; None, and no lock, if fewer are free."""
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
    """The descriptor of the locked file; None if another process holds it and `wait` is False.

    Closing any descriptor of a file releases this process's lock on it, so a held file must not be
    opened again.
    """
    while True:
        descriptor = _open(path)
        try:
            taken = lock(descriptor, wait=wait)
        except BaseException:
            os.close(descriptor)
            raise
        if not taken:
            os.close(descriptor)
            return None
        # A cleaner of /tmp may have removed the file after it was opened.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)


def _open(path: Path) -> int:
    """A non-inheritable descriptor of the file, which every user may lock.

    Opened without O_CREAT first: in a sticky folder, Linux denies O_CREAT on files of other users.
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
    """Record in a lock file who holds it, for waiting jobs."""
    script = Path(sys.argv[0]).name
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry for this user
        user = str(os.getuid())
    sign(descriptor, f"process {os.getpid()} of {user}, {script}")


def _holders(gpus: Sequence[str], folder: Path) -> list[str]:
    """Each GPU with its last holder; none is held by this process."""
    texts = []
    for gpu in gpus:
        try:
            with _lock_file(folder, gpu).open(encoding="utf-8", errors="replace") as stream:
                # Anybody may write it.
                holder = printable(stream.read(100))
        except OSError:
            holder = ""
        texts.append(f"{gpu} ({holder})" if holder else gpu)
    return texts
