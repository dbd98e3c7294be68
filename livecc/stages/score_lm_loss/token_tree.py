"""The clips of one video as a tree of tokens, so that every shared token is computed once.

The chats of a video's clips share long prefixes, because the context of each is the transcript so
far. The tree of their token ids has the transcript as its trunk and one branch per clip (the
request and the answer). It is stored in preorder (depth first), where the descendants of a token
are contiguous, so "token q may attend to token k" is a comparison:

    k <= q < end[k]        (end[k]: the position after k's last descendant)

This also holds for several trees in sequence. After the tokens [0, stop), only tokens with
end > stop are attended to again: the ancestors of token `stop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenForest:
    """Trees of tokens in preorder.

    ids, depth, end: int64 [n]: token id, position in its own sequence, end of its descendants.
    rows: per sequence, int64 [m]: positions of its last m tokens (ascending), m as requested.
    """

    ids: NDArray[np.int64]
    depth: NDArray[np.int64]
    end: NDArray[np.int64]
    rows: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.ids)


def build_token_forest(
    groups: Sequence[Sequence[tuple[NDArray[np.int64], int]]],
) -> TokenForest:
    """One tree per group of (token ids [n], number m of last tokens whose positions are needed).

    A sequence shares the longest common prefix with the previous one. This finds every shared token
    when contexts grow in order; in any other order some tokens are repeated, which only costs time.
    """
    ids: list[NDArray[np.int64]] = []
    depths: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.int64]] = []
    ends: list[tuple[NDArray[np.int64], int]] = []
    size = 0
    for group in groups:
        previous = np.empty(0, np.int64)
        path = np.empty(0, np.int64)  # positions of the tokens of `previous`
        for sequence, n_rows in group:
            shared = common_prefix(previous, sequence)
            ends.append((path[shared:], size))
            new = sequence[shared:]
            path = np.concatenate([path[:shared], np.arange(size, size + len(new))])
            ids.append(new)
            depths.append(np.arange(shared, len(sequence)))
            rows.append(path[len(path) - n_rows :])
            size += len(new)
            previous = sequence
        ends.append((path, size))
    end = np.empty(size, np.int64)
    for where, position in ends:
        end[where] = position
    empty = [np.empty(0, np.int64)]
    return TokenForest(np.concatenate(ids or empty), np.concatenate(depths or empty), end, rows)


def common_prefix(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """The length of the longest common prefix."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


def count_tree_tokens(sequences: Sequence[NDArray[np.int64]]) -> int:
    """The number of tokens of a group's tree."""
    shared = sum(common_prefix(a, b) for a, b in pairwise(sequences))
    return sum(map(len, sequences)) - shared
