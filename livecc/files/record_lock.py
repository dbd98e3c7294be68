"""POSIX record locks (`fcntl.lockf`).

They end with their process, however it ends; child processes do not inherit them, and network file
systems that support locks at all hold them across machines. Closing any descriptor of a file
releases this process's lock on it.
"""

from __future__ import annotations

import errno
import fcntl
import os

_HELD = {errno.EACCES, errno.EAGAIN}


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file exclusively; False when another process holds it and `wait` is False.

    Raises OSError when the file cannot be locked, for example on a file system without locks.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if not wait and error.errno in _HELD:
            return False
        raise
    return True


def sign(descriptor: int, text: str) -> None:
    """Write who holds the lock into the file, for the processes that wait."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(errors="replace"), 0)
