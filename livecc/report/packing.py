"""Numbers of many clips as text in a page: integers of few bytes, compressed, in base64.

A page compares values with thresholds, so packing must not move a value across one. Thresholds of a
page are multiples of `GRID`. A value between two multiples is packed as the middle between them:
every comparison with a multiple has the same result as before, and the value needs two to three
bytes instead of eight. Columns that cannot be packed so are kept as they are, in float64.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from typing import Any

#: Thresholds that a page offers are multiples of 1 / GRID.
GRID = 10_000
_SCALES = (1, 10, 100, 1_000, GRID)
#: Integers beyond are kept as float64.
_LARGEST = 2**31 - 2


def pack_numbers(
    values: Any, bounds: Iterable[float] = (), *, exact: bool = False
) -> dict[str, Any]:
    """Floats (numpy float64 [n], NaN where missing) as a JSON object that `columns.js` unpacks.

    `bounds`: thresholds that the values are compared with, besides the multiples of 1 / GRID.
    `exact`: whether values are compared with each other, too.
    """
    import numpy as np

    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    if len(known) and (len(known) + int(np.isnan(values).sum()) == len(values)):
        for scale in _SCALES:
            if np.abs(known).max() * scale * 2 > _LARGEST:
                break
            if (np.rint(known * scale) / scale == known).all():
                return _pack_integers(np.rint(values * scale), scale, 1)
        else:
            if not exact and all(is_on_grid(bound) for bound in bounds):
                return _pack_integers(_halves(values), GRID, 2)
    elif not len(known) and np.isnan(values).all():
        return _pack_integers(values, 1, 1)
    planes = np.frombuffer(values.astype("<f8").tobytes(), np.uint8).reshape(-1, 8)
    return {"form": "float64", "data": _compressed(planes)}


def is_on_grid(bound: float) -> bool:
    """Whether a threshold is one of those that a page offers."""
    return bool(round(bound * GRID) / GRID == bound)


def _halves(values: Any) -> Any:
    """Twice the number of each value's multiple, plus one for a value between two multiples."""
    import numpy as np

    below = np.floor(values * GRID)
    # Multiplying rounds; what counts is which of the multiples, as floats, a value lies between.
    below -= below / GRID > values
    below += (below + 1) / GRID <= values
    return 2 * below + (below / GRID != values)


def pack_codes(codes: Any) -> dict[str, Any]:
    """Whole numbers (numpy, [n]) as a JSON object that `columns.js` unpacks."""
    import numpy as np

    return _pack_integers(np.asarray(codes, np.float64), 1, 1)


def _pack_integers(numbers: Any, scale: int, halves: int) -> dict[str, Any]:
    """Integers as floats, NaN where missing."""
    import numpy as np

    missing = np.isnan(numbers)
    known = numbers[~missing]
    low = int(known.min()) if len(known) else 0
    high = int(known.max()) if len(known) else 0
    none = high - low + 1  # the code of a missing value
    size = 1 if none < 2**8 else 2 if none < 2**16 else 4
    codes = np.where(missing, none, numbers - low).astype(f"<u{size}")
    planes = np.frombuffer(codes.tobytes(), np.uint8).reshape(-1, size)
    return {
        "form": "integers",
        "bytes": size,
        "low": low,
        "missing": none,
        "scale": scale,
        "halves": halves,
        "data": _compressed(planes),
    }


def pack_mask(mask: Any) -> dict[str, Any]:
    """Booleans (numpy, [n]), eight to a byte."""
    import numpy as np

    return {"form": "bits", "data": _compressed(np.packbits(np.asarray(mask, bool)))}


def _compressed(planes: Any) -> str:
    """Bytes [n, size] as base64, all first bytes first: so they compress better."""
    return base64.b64encode(zlib.compress(planes.T.tobytes(), 6)).decode("ascii")
