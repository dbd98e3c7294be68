"""Mel bands summed in a fixed order, for the same result on any processor and thread count."""

from __future__ import annotations

import numpy as np


class MelFilters:
    """Replaces the matrix `filters`, float32 [bands, frequencies], in `filters @ x`.

    numpy computes matrix products with BLAS, whose kernels depend on the processor and on how its
    threads divide the frames. So the last bits of a frame would depend on the number of cores, and
    occasionally the time of a word too. A band covers only a few frequencies, so summing them in
    order is as fast.
    """

    def __init__(self, filters: np.ndarray) -> None:
        #: For each band the frequencies it covers and their weights, float32 [frequencies, 1].
        self._bands: list[tuple[slice, np.ndarray]] = []
        for weights in filters:
            covered = np.flatnonzero(weights)
            # A narrow band between two frequencies covers none.
            span = slice(covered[0], covered[-1] + 1) if len(covered) else slice(0, 1)
            self._bands.append((span, weights[span, np.newaxis]))

    def __matmul__(self, magnitudes: np.ndarray) -> np.ndarray:
        """The bands, float32 [bands, frames], of magnitudes [frequencies, frames]."""
        # numpy sums the first axis row by row.
        return np.stack([(weights * magnitudes[span]).sum(axis=0) for span, weights in self._bands])
