"""A token budget for forward passes that adapts to out-of-memory errors."""

from __future__ import annotations

# The attention mask has queries x keys entries and its kernels may copy it: 2^26 entries are
# 256 MB in fp32, 128 MB in bfloat16.
_MASK_ENTRIES = 2**26
_LEAST_TOKENS = 64
# One clip too big for memory must not slow down the rest of the shard.
_PASSES_BEFORE_GROWING = 32


class TokenBudget:
    """A bound on tokens per pass: halved when memory runs out, doubled after a run of successes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.tokens = most
        self._successes = 0

    def new_tokens(self, cached: int) -> int:
        """Tokens for a pass that also attends to `cached` earlier ones."""
        # q (cached + q) <= _MASK_ENTRIES
        by_mask = int(((cached**2 + 4 * _MASK_ENTRIES) ** 0.5 - cached) / 2)
        return max(1, min(self.tokens, by_mask))

    def ran_out(self) -> bool:
        """Halve. Returns False if the budget is already at its minimum."""
        self._successes = 0
        if self.tokens <= _LEAST_TOKENS:
            return False
        self.tokens = max(_LEAST_TOKENS, self.tokens // 2)
        return True

    def succeeded(self) -> None:
        self._successes += 1
        if self._successes >= _PASSES_BEFORE_GROWING:
            self.tokens = min(self.most, self.tokens * 2)
            self._successes = 0
