"""JSON of others, where Python's own parser or printer would run out of its stack."""

from __future__ import annotations

import json
import reprlib
from typing import Any

from livecc.files.limits import MAX_DEPTH


def parse_lenient(text: str | bytes) -> Any:
    """JSON as Python's module takes it: also NaN, and half of a surrogate pair.

    Raises ValueError for anything else, and for JSON that is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_deep(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested in more than `most` levels."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for one in level
            if isinstance(one, list | dict)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True


def shown(value: Any) -> str:
    """A value for a message: its beginning, however long or deep it is."""
    return reprlib.repr(value)
