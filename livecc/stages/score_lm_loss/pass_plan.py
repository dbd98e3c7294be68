"""How the clips of a video go through the model: as one tree, or as rows of their own.

A tree computes shared tokens once, but its mask is dense: in a pass, attention is computed between
every token and every earlier or later one, of other branches too. A clip in a row of its own needs
no mask, because plain causal attention skips what lies ahead. So a tree pays where it saves more
tokens than its attention costs, and clips that share little (the SFT track has no context; a video
may have one clip) go into rows. Rows of like length share a pass: shorter ones are padded at their
end, which no earlier token sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livecc.inference.causal_network import CausalModel
from livecc.stages.score_lm_loss.prompts import EncodedClip
from livecc.stages.score_lm_loss.token_tree import TokenForest, build_token_forest

# A pass of fewer tokens does not use the whole device (measured: on one core, a token costs 1.4
# times as much in passes of 64 as in those of 256; on an H200, see benchmarks/README.md).
_ENOUGH_TOKENS = {"cpu": 256, "cuda": 2048}
# Attention reaches this fraction of the speed of matrix products (measured on the CPU: 0.7 to 0.8).
_ATTENTION_SPEED = 0.75
# Padding, as a fraction of a row, for a pass that already uses the device, and for one that does
# not yet: a short pass loses up to a third.
_PADDING, _PADDING_OF_SHORT_PASS = 1 / 32, 1 / 4


@dataclass(frozen=True)
class PassCosts:
    """What determines the time of a pass.

    pair: the cost of attention between two tokens, relative to the cost of the matrix products of
    one token. enough: tokens from which a pass uses the whole device.
    """

    pair: float
    enough: int


def pass_costs(model: CausalModel) -> PassCosts:
    """The costs by number of operations, of the model without its embeddings and head."""
    config = model.network.config.get_text_config()
    network = model.network.base_model
    embeddings = model.network.get_input_embeddings().weight
    weights = sum(p.numel() for p in network.parameters() if p.ndim > 1) - embeddings.numel()
    # Per pair and layer: two products (scores, mixing) of the hidden size, two operations each.
    # Per token: two operations a weight.
    pair = 4 * config.hidden_size * config.num_hidden_layers / max(1, 2 * weights)
    enough = _ENOUGH_TOKENS.get(model.device.type, _ENOUGH_TOKENS["cuda"])
    return PassCosts(pair / _ATTENTION_SPEED, enough)


def tree_pays(clips: Sequence[EncodedClip], costs: PassCosts, tokens_per_pass: int) -> bool:
    """Whether the clips of a video cost less as one tree than each in a row of its own."""
    if len(clips) < 2:
        return False
    forest = build_token_forest([[(clip.ids[:-1], 1) for clip in clips]])
    tree = len(forest) + costs.pair * _tree_pairs(forest, tokens_per_pass)
    lengths = [len(clip.ids) - 1 for clip in clips]
    rows = sum(lengths) + costs.pair * sum(_row_pairs(n, tokens_per_pass) for n in lengths)
    return tree < rows


def _tree_pairs(forest: TokenForest, tokens_per_pass: int) -> int:
    """Pairs of tokens in the masks of a tree's passes.

    A pass attends to its own tokens and to the ancestors of its first one.
    """
    pairs = 0
    for begin in range(0, len(forest), tokens_per_pass):
        new = min(tokens_per_pass, len(forest) - begin)
        pairs += new * (int(forest.depth[begin]) + new)
    return pairs


def _row_pairs(tokens: int, tokens_per_pass: int) -> int:
    """The same for a row; in its first pass, half of them are skipped."""
    first = min(tokens, tokens_per_pass)
    pairs = first * first // 2
    for begin in range(first, tokens, tokens_per_pass):
        new = min(tokens_per_pass, tokens - begin)
        pairs += new * (begin + new)
    return pairs


def rows_of_pass(lengths: Sequence[int], costs: PassCosts, tokens_per_pass: int) -> int:
    """How many of the next rows share a pass; `lengths` are their tokens, longest first.

    At least one. Rows join while the padded rows fit into `tokens_per_pass` and the padding costs
    less than another pass would.
    """
    longest = lengths[0]
    count = 1
    while count < len(lengths) and (count + 1) * longest <= tokens_per_pass:
        allowed = _PADDING if count * longest >= costs.enough else _PADDING_OF_SHORT_PASS
        if longest - lengths[count] > allowed * lengths[count]:
            break
        count += 1
    return count
