"""Which models support token trees, up to which length, and a check of the loaded model.

A token tree replaces the model's causal mask and position ids. Architectures differ in how they use
them. First the config is inspected, then the model itself is tested: the same random tokens, as a
tree, as padded rows and one by one, must give the same losses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from livecc.errors import LiveccError
from livecc.inference.causal_network import CausalModel
from livecc.inference.memory import is_out_of_memory
from livecc.stages.score_lm_loss.row_batch import row_losses
from livecc.stages.score_lm_loss.token_tree import build_token_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNLIMITED = 2**31

# Tolerance between tree and plain losses, as a fraction of the change that a wrong context causes
# (rounding is about a millionth of it in fp32, a few hundredths in bfloat16).
_TOLERANCE = {"torch.float32": 1e-3, "torch.float16": 0.03, "torch.bfloat16": 0.15}
_CHECK_TOKENS = 24


def tree_length(config: Any) -> int:
    """The longest sequence for which a tree mask is equivalent to the model's own mask; 0: none.

    Sliding-window and chunked attention equal full attention up to their window. Rotary embeddings
    that depend on the batch's length are constant up to the length of the original training. Layers
    with a recurrent state (state-space, linear attention, convolution) have no mask.
    """
    limit = UNLIMITED
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    chunk = getattr(config, "attention_chunk_size", None)
    if kinds:
        if set(kinds) - {"full_attention", "sliding_attention", "chunked_attention", "attention"}:
            return 0
        sliding = "sliding_attention" in kinds
        chunked = "chunked_attention" in kinds
    else:
        sliding = bool(window) and getattr(config, "use_sliding_window", True)
        chunked = bool(chunk)
    if sliding:
        limit = min(limit, int(window or 0))
    if chunked:
        limit = min(limit, int(chunk or 0))
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if isinstance(rope, dict) and {"dynamic", "longrope"} & _rope_types(rope):
        first = getattr(config, "original_max_position_embeddings", None)
        first = first or rope.get("original_max_position_embeddings")
        limit = min(limit, int(first or 0))
    return limit


def _rope_types(rope: dict[str, Any]) -> set[str]:
    """Types in a rope entry, which some models nest by layer type."""
    nested = [value for value in rope.values() if isinstance(value, dict)]
    return {str(entry.get("rope_type", entry.get("type", ""))) for entry in [rope, *nested]}


def check_model(model: CausalModel, context: int) -> bool:
    """Test whether trees and rows work with the model, and how its head can be used.

    Sets `model.plain_head` to False when the model's output is not just the head's matrix product.
    Returns whether the losses of tree, rows and single sequences agree. Raises LiveccError when a
    later token changes an earlier token's loss, because then it is not a causal language model.
    """
    length = min(_CHECK_TOKENS, context // 2 - 1)
    if length < 8:
        raise LiveccError(f"{model.source}: a context of {context} tokens is too short")
    known = min(model.network.get_input_embeddings().weight.shape[0], model.vocabulary)
    draw = np.random.default_rng(0).integers(0, known, (4, length))
    trunk, *tails = draw
    sequences = [
        np.concatenate([trunk[: length // 2], tails[0]]),
        np.concatenate([trunk, tails[1]]),
        np.concatenate([trunk, tails[2]]),
    ]
    if model.plain_head:
        model.plain_head = _head_is_plain(model, sequences[1])
    plain = [_plain(model, sequence, length) for sequence in sequences]
    shuffled = sequences[1].copy()
    shuffled[-length // 2 :] = draw[0][: length // 2 + length % 2]
    _check_causal(model, sequences[1], shuffled, length)
    # The losses with another context show the size of a real error.
    other = [
        _plain(model, np.concatenate([np.roll(s[:-length], 1), s[-length:]]), length)
        for s in sequences
    ]
    scale = float(np.mean([np.abs(a - b) for a, b in zip(plain, other, strict=True)]))
    try:
        tree = _tree(model, sequences, length)
        rows = row_losses(model, [(sequence, length) for sequence in sequences])
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return False
    most = _TOLERANCE[str(model.network.dtype)] * scale + 1e-6
    return all(
        float(np.mean([np.abs(a - b) for a, b in zip(plain, way, strict=True)])) <= most
        for way in (tree, rows)
    )


def _plain(model: CausalModel, sequence: NDArray[np.int64], n: int) -> NDArray[np.float32]:
    """Losses of the last n tokens of one sequence."""
    rows = np.arange(len(sequence) - 1 - n, len(sequence) - 1)
    return model.token_losses(sequence[:-1], rows, sequence[rows + 1])[0]


def _tree(
    model: CausalModel, sequences: list[NDArray[np.int64]], n: int
) -> list[NDArray[np.float32]]:
    """The same from a tree, next to a tree of other tokens, with one cut inside a branch."""
    asked = [(sequence[:-1], n) for sequence in sequences]
    forest = build_token_forest([[(sequences[0][::-1].copy(), 1)], asked])
    rows = np.concatenate(forest.rows[1:])
    targets = np.concatenate([sequence[-n:] for sequence in sequences])
    losses = np.empty(len(rows), np.float32)
    cached, past = np.empty(0, np.int64), None
    cut = int(forest.rows[2][n // 2])
    for start, stop in ((0, cut), (cut, len(forest))):
        new = np.arange(start, stop)
        keys = np.concatenate([cached, new])
        chosen = (rows >= start) & (rows < stop)
        keep = np.flatnonzero(forest.end[keys] > stop)
        losses[chosen], past = model.token_losses(
            forest.ids[new],
            rows[chosen] - start,
            targets[chosen],
            positions=forest.depth[new],
            mask=model.tree_mask(new, keys, forest.end[keys]),
            past=past,
            keep=keep,
        )
        cached = keys[keep]
    return np.split(losses, len(sequences))


def _head_is_plain(model: CausalModel, sequence: NDArray[np.int64]) -> bool:
    import torch

    ids = torch.from_numpy(sequence).to(model.device)[None]
    with torch.inference_mode():
        logits = model.network(input_ids=ids, use_cache=False).logits.float()
        hidden = model.network.base_model(input_ids=ids, use_cache=False)[0]
        if hidden.shape[-1] != model.network.get_output_embeddings().weight.shape[-1]:
            return False
        product = model.network.get_output_embeddings()(hidden).float()
    bound = 1e-5 if model.network.dtype == torch.float32 else 1e-2
    return bool((logits - product).abs().max() <= bound * logits.abs().max())


def _check_causal(
    model: CausalModel, sequence: NDArray[np.int64], changed: NDArray[np.int64], n: int
) -> None:
    """`changed` differs from `sequence` only in its last n/2 tokens."""
    before = _plain(model, sequence, n)[: n // 2 - 1]
    after = _plain(model, changed, n)[: n // 2 - 1]
    # Rounding in half precision depends on the batch shape, which is the same for both here.
    if not np.allclose(before, after, rtol=1e-3, atol=1e-3):
        raise LiveccError(
            f"{model.source}: not a causal language model (a later word changes the probability "
            "of an earlier one); choose a model like Qwen2ForCausalLM"
        )
