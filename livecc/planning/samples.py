"""Some of many: the first lines of a file, values that are spread evenly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecc.files.limits import most_unpacked
from livecc.files.lines import decompressed

#: So many bytes of a file are read.
SAMPLED_BYTES = 2**20
#: So many times as much is read of a file that compresses well.
_MORE = 16

#: Lines with their numbers.
Lines = Sequence[tuple[int, bytes]]


def read_sample(path: Path) -> tuple[Lines, float]:
    """The first complete lines of a file, numbered, and the share of the file that they are.

    SAMPLED_BYTES are read, or some more if they are most of the file. Raises OSError, and EOFError
    for a broken file.
    """
    size, limit = path.stat().st_size, SAMPLED_BYTES
    with path.open("rb", buffering=2**16) as raw:
        stream = decompressed(path, raw, most_unpacked)
        data = stream.read(limit)
        if len(data) == limit and raw.tell() * 2 >= size:
            # Little is left to read, though it may still become a lot.
            limit *= _MORE
            data += stream.read(limit - len(data))
        read = raw.tell()
    if len(data) < limit:
        kept, share = data, 1.0
    else:
        kept = data[: data.rfind(b"\n") + 1]
        share = min(1.0, read / size * len(kept) / len(data))
    if data and not kept:
        raise EOFError("no line ends in what was read")
    lines = [(number, line) for number, line in enumerate(kept.split(b"\n"), 1) if line.strip()]
    return lines, share


def spread(values: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the values, evenly spread over all of them."""
    step = max(1.0, len(values) / count)
    return [values[int(number * step)] for number in range(min(count, len(values)))]
