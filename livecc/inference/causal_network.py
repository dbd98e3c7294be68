"""Token losses of a causal language model without keeping logits for every position.

Logits dominate memory use: 4,000 positions times 152,000 tokens are 2.4 GB in fp32. Here they exist
only for scored positions, a few megabytes at a time.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

# Logits computed at a time when the head is a plain matrix: 64 MB in fp32 on the CPU, 512 MB on a
# GPU, which needs more rows to be fully used.
_LOGITS_PER_CHUNK = {"cpu": 2**24, "cuda": 2**27}

KeyValues = list[tuple["torch.Tensor", "torch.Tensor"]]


@dataclass
class CausalModel:
    """A loaded model and its properties.

    `plain_head`: the logits are exactly the head's matrix product, so it can be applied to selected
    hidden states. `vocabulary`: number of logits per position.
    """

    network: Any
    source: str
    device: torch.device
    plain_head: bool
    vocabulary: int

    def token_losses(
        self,
        ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        targets: NDArray[np.int64],
        *,
        positions: NDArray[np.int64] | None = None,
        mask: torch.Tensor | None = None,
        past: KeyValues | None = None,
        keep: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.float32], KeyValues | None]:
        """Negative log-likelihood (nats, fp32) of `targets` [m] after the tokens at `rows` [m].

        ids: the tokens of one forward pass, [n], or [r, n] for r rows; then `rows` count through
        all of them, and the end of a row may hold any tokens, because no earlier one sees them.
        positions [n]: their place in their own sequence (None: 0..n-1). mask [1, 1, n, p + n]: what
        is added to the attention scores (None: causal). past: keys and values [1, heads, p, d] per
        layer of p earlier tokens. keep: which of the p + n tokens' keys and values to return
        (None: none). The last four are for a single row.
        """
        import torch
        from transformers import DynamicCache

        with torch.inference_mode():
            cache = DynamicCache() if keep is not None or past else None
            for layer, (keys, values) in enumerate(past or []):
                assert cache is not None
                cache.update(keys, values, layer)
            inputs: dict[str, Any] = {
                "input_ids": self._tensor(np.atleast_2d(ids)),
                "use_cache": cache is not None,
            }
            if cache is not None:
                inputs[_cache_argument(self.network)] = cache
            if positions is not None:
                inputs["position_ids"] = self._tensor(positions)[None]
            if mask is not None:
                inputs["attention_mask"] = mask
            losses = self._losses(inputs, rows, targets)
            kept = None if keep is None else self._keep(cache, keep)
        return losses, kept

    def _losses(
        self, inputs: dict[str, Any], rows: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        import torch

        if not self.plain_head:
            return self._losses_by_own_head(inputs, rows, targets)
        hidden = self.network.base_model(**inputs)[0].flatten(0, 1)
        hidden = hidden[self._tensor(rows)]
        head = self.network.get_output_embeddings()
        target = self._tensor(targets)
        losses = torch.empty(len(rows), dtype=torch.float32)
        step = self._rows_per_chunk()
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            losses[chunk] = _nll(head(hidden[chunk]), target[chunk]).cpu()
        return losses.numpy()

    def _losses_by_own_head(
        self, inputs: dict[str, Any], rows: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        import torch

        places, inverse = np.unique(rows, return_inverse=True)
        if not len(places):
            self.network.base_model(**inputs)
            return np.empty(0, np.float32)
        one_row = len(inputs["input_ids"]) == 1
        if one_row and _takes(self.network, "logits_to_keep"):
            logits = self.network(**inputs, logits_to_keep=self._tensor(places)).logits[0]
        else:
            logits = self.network(**inputs).logits.flatten(0, 1)[self._tensor(places)]
        losses = torch.empty(len(rows), dtype=torch.float32)
        step = self._rows_per_chunk()
        for start in range(0, len(rows), step):
            chunk = slice(start, start + step)
            chosen = logits[self._tensor(inverse[chunk])]
            losses[chunk] = _nll(chosen, self._tensor(targets[chunk])).cpu()
        return losses.numpy()

    def _rows_per_chunk(self) -> int:
        most = _LOGITS_PER_CHUNK.get(self.device.type, _LOGITS_PER_CHUNK["cpu"])
        return max(1, most // self.vocabulary)

    def _keep(self, cache: Any, keep: NDArray[np.int64]) -> KeyValues:
        """Keys and values of the chosen tokens; each layer's others are freed as it goes."""
        chosen = self._tensor(keep)
        kept: KeyValues = []
        for layer in cache.layers:
            kept.append((layer.keys.index_select(2, chosen), layer.values.index_select(2, chosen)))
            layer.keys = layer.values = None
        return kept

    def tree_mask(
        self, query: NDArray[np.int64], key: NDArray[np.int64], key_end: NDArray[np.int64]
    ) -> torch.Tensor:
        """Additive attention mask [1, 1, queries, keys] of a token tree in preorder.

        query, key: positions in the preorder; key_end: the end of each key's descendants.
        """
        import torch

        q, k = self._tensor(query)[:, None], self._tensor(key)[None]
        allowed = (k <= q) & (q < self._tensor(key_end)[None])
        dtype = self.network.dtype
        mask = torch.zeros(allowed.shape, dtype=dtype, device=self.device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min)[None, None]

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _takes(network: Any, argument: str) -> bool:
    return argument in inspect.signature(network.forward).parameters


def _cache_argument(network: Any) -> str:
    """The argument that takes keys and values: transformers 5 calls it `cache` in later releases.

    The older name is announced to go in 5.40. The model says which it has, not the release, because
    architectures were renamed one after the other.
    """
    return "cache" if _takes(network, "cache") else "past_key_values"


def _nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log softmax(logits [m, V])[targets [m]] in fp32."""
    import torch

    logits = logits.float()
    chosen = logits.gather(1, targets[:, None])[:, 0]
    return torch.logsumexp(logits, dim=1) - chosen
