"""Times as JSON, written many at once.

Nearly all times are whole tenths of a second, and not many of them: their digits are looked up in
a table instead of being worked out again for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson

# Tenths that the table has: 2 hours and 46 minutes, which is 800 kB.
_TABLE_TENTHS = 100_000
_COMMA, _POINT, _ZERO = b",.0"


def times_json(seconds: Sequence[float]) -> bytes:
    """The JSON list of times, the same bytes as orjson writes; `seconds` may be a numpy array."""
    if isinstance(seconds, np.ndarray) and seconds.size and _fit_table(seconds):
        tenths = np.rint(seconds * 10.0)
        if (tenths / 10.0 == seconds).all():
            cells = _table().take(tenths.astype(np.intp))
            return b"[%b]" % cells.tobytes().translate(None, b"\0")[:-1]
    return orjson.dumps(seconds, option=orjson.OPT_SERIALIZE_NUMPY)


def _fit_table(seconds: np.ndarray[Any, Any]) -> bool:
    """Whether all are from 0 to below the table's end; -0.0 and NaN are not."""
    return bool(seconds.max() < _TABLE_TENTHS / 10 and not np.signbit(seconds).any())


@cache
def _table() -> np.ndarray[Any, np.dtype[np.uint64]]:
    """At k, the eight bytes of `k / 10` and a comma, with zero bytes in front."""
    cells = np.zeros((_TABLE_TENTHS, 8), np.uint8)
    seconds, tenth = np.divmod(np.arange(_TABLE_TENTHS), 10)
    cells[:, 5], cells[:, 6], cells[:, 7] = _POINT, _ZERO + tenth, _COMMA
    for column in range(4, 0, -1):
        seconds, digit = np.divmod(seconds, 10)
        cells[:, column] = _ZERO + digit
    # Leading zeros go, but for the one before the point.
    for column in range(1, 4):
        cells[: 10 ** (5 - column), column] = 0
    return cells.view(np.uint64).ravel()
