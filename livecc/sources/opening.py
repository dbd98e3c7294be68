"""Opening files of others: regular ones alone, inside of their folder, and not too large."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from stat import S_ISREG

from livecc.files.limits import MAX_INFO_FILE_BYTES
from livecc.sources.record import UnreadableError


def read_file(
    path: Path | str, most: int = MAX_INFO_FILE_BYTES, inside: Path | None = None
) -> bytes:
    """The content of a file. Raises UnreadableError with the reason.

    `most`: bytes that it may have. `inside`: the folder that a link must not lead out of.
    """
    # Not blocking: a pipe would wait for ever for its writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    name = os.path.basename(path)  # noqa: PTH119
    try:
        try:
            descriptor = os.open(path, flags | (os.O_NOFOLLOW if inside is not None else 0))
        except OSError as error:
            if inside is None or error.errno != errno.ELOOP:
                raise
            real = os.path.realpath(path)
            if not real.startswith(os.path.realpath(inside) + os.sep):
                raise UnreadableError(f"{name}: a link that leads out of the folder") from None
            descriptor = os.open(real, flags | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as stream:
            state = os.fstat(descriptor)
            if not S_ISREG(state.st_mode):
                raise UnreadableError(f"{name}: no regular file")
            if state.st_size > most:
                raise UnreadableError(f"{name}: larger than {most // 2**20} MiB")
            # It may grow meanwhile.
            data = stream.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"{name}: cannot be read ({error.strerror})") from None
    if len(data) > most:
        raise UnreadableError(f"{name}: larger than {most // 2**20} MiB")
    return data
