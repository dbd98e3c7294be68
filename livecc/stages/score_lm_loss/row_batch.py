"""Clips as rows of one forward pass, each a sequence of its own, without a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from livecc.inference.causal_network import CausalModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def row_losses(
    model: CausalModel, sequences: Sequence[tuple[NDArray[np.int64], int]]
) -> list[NDArray[np.float32]]:
    """Losses (nats) of the last m tokens of each sequence, given as (token ids [n], m).

    Shorter sequences are padded at their end, after everything that is scored.
    """
    # A sequence's last token is only predicted.
    width = max(len(ids) for ids, _ in sequences) - 1
    padded = np.zeros((len(sequences), width), np.int64)
    rows = []
    for number, (ids, scored) in enumerate(sequences):
        padded[number, : len(ids) - 1] = ids[:-1]
        rows.append(number * width + np.arange(len(ids) - 1 - scored, len(ids) - 1))
    targets = np.concatenate([ids[len(ids) - scored :] for ids, scored in sequences])
    losses, _ = model.token_losses(padded, np.concatenate(rows), targets)
    return np.split(losses, np.cumsum([scored for _, scored in sequences])[:-1])
