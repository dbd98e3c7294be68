"""Processing a forest of token trees in forward passes of a bounded number of tokens.

A pass takes the next tokens in preorder. Of all earlier tokens, only the ancestors of its first
token are still attended to. Their keys and values are carried over and all others dropped, so a
video's trunk is computed once, however many passes its tree needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from livecc.inference.causal_network import CausalModel, KeyValues
from livecc.inference.memory import within_memory
from livecc.inference.token_budget import TokenBudget
from livecc.stages.score_lm_loss.prompts import EncodedClip
from livecc.stages.score_lm_loss.token_tree import build_token_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Finished = list[tuple[EncodedClip, "NDArray[np.float32] | None"]]


class ForestWalk:
    """One walk over groups of clips (lists of clips that share prefixes).

    After `finished` is exhausted, `left_over` holds the clips still to be scored: none, unless a
    clip did not fit into memory.
    """

    def __init__(
        self, model: CausalModel, budget: TokenBudget, groups: Sequence[Sequence[EncodedClip]]
    ) -> None:
        self.model = model
        self.budget = budget
        self.groups = groups
        self.left_over: list[list[EncodedClip]] = []
        self.forest = build_token_forest(
            # A clip's last token is only predicted; a target's loss is computed at the row before.
            [[(clip.ids[:-1], len(clip.targets)) for clip in group] for group in groups]
        )
        self.clips = [clip for group in groups for clip in group]
        rows = np.concatenate(self.forest.rows)
        self._order = np.argsort(rows, kind="stable")
        self._rows = rows[self._order]
        self._targets = np.concatenate([clip.targets for clip in self.clips])[self._order]
        self._losses = np.empty(len(rows), np.float32)
        self._first = np.cumsum([0, *(len(clip.targets) for clip in self.clips)])
        self._last_row = np.array([rows[-1] for rows in self.forest.rows])

    def finished(self) -> Iterator[Finished]:
        """Yield the clips finished in each pass: (clip, losses [targets] in nats).

        The losses are None for clips that do not fit into memory even in the smallest pass.
        """
        cached: NDArray[np.int64] = np.empty(0, np.int64)
        past: KeyValues | None = None
        begin = 0
        while begin < len(self.forest):
            stop = min(len(self.forest), begin + self.budget.new_tokens(len(cached)))
            carried = self._pass(begin, stop, cached, past)
            if carried is None:
                if self.budget.ran_out():
                    continue
                past = None
                yield self._give_up(begin)
                return
            self.budget.succeeded()
            cached, past = carried
            done = np.flatnonzero((self._last_row >= begin) & (self._last_row < stop)).tolist()
            if len(done):
                yield [(self.clips[i], self._clip_losses(i)) for i in done]
            begin = stop

    def _pass(
        self, begin: int, stop: int, cached: NDArray[np.int64], past: KeyValues | None
    ) -> tuple[NDArray[np.int64], KeyValues | None] | None:
        """Process tokens [begin, stop). Returns the state to carry over; None if memory ran out."""
        forest = self.forest
        new = np.arange(begin, stop)
        keys = np.concatenate([cached, new])
        keep = np.flatnonzero(forest.end[keys] > stop)
        chosen = slice(*np.searchsorted(self._rows, [begin, stop]))
        # Depth grows by at most one per token, so this is the beginning of one sequence, and plain
        # causal attention does the same without a mask.
        plain = not len(cached) and forest.depth[stop - 1] == stop - begin - 1
        found = within_memory(
            lambda: self.model.token_losses(
                forest.ids[new],
                self._rows[chosen] - begin,
                self._targets[chosen],
                positions=None if plain else forest.depth[new],
                mask=None if plain else self.model.tree_mask(new, keys, forest.end[keys]),
                past=past,
                keep=keep if len(keep) else None,
            ),
            self.model.device,
        )
        if found is None:
            return None
        losses, past = found
        self._losses[self._order[chosen]] = losses
        return keys[keep], past

    def _clip_losses(self, clip: int) -> NDArray[np.float32]:
        return self._losses[self._first[clip] : self._first[clip + 1]]

    def _give_up(self, begin: int) -> Finished:
        """Give up the clips that need token `begin`; the other unscored ones are left over."""
        stuck = (self._last_row >= begin) & (self._last_row < self.forest.end[begin])
        waiting = (self._last_row >= begin) & ~stuck
        first = 0
        for group in self.groups:
            left = [clip for i, clip in enumerate(group, first) if waiting[i]]
            if left:
                self.left_over.append(left)
            first += len(group)
        return [(self.clips[i], None) for i in np.flatnonzero(stuck).tolist()]
