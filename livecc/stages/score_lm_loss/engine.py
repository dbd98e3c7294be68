"""Language-model loss of clips: mean negative log-likelihood (nats) of a clip's tokens.

    loss = sum over the scored tokens of -log p(token | chat before it) / number of scored tokens

`prompts` describes the chat and its scored tokens. Losses are summed in fp32, whatever the data
type of the model. In paper mode the denominator counts only token ids above 0, as in the original
(id 0 is `!` in Qwen2), but the sum includes all tokens.

The clips of a video that share much are scored together, as a tree in which shared tokens are
computed once (`token_tree`); others go through the model as rows of their own (`pass_plan`). A
forward pass has a bounded number of tokens. Models that do not support this (`strategy`) score
clips one by one. In any case, a clip's loss does not depend on what it is scored together with, up
to rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livecc.errors import LiveccError
from livecc.inference.causal_model import (
    context_length,
    load_causal_model,
    load_tokenizer,
)
from livecc.inference.causal_network import CausalModel
from livecc.inference.memory import within_memory
from livecc.inference.token_budget import TokenBudget
from livecc.stages.score_lm_loss.forest_walk import ForestWalk
from livecc.stages.score_lm_loss.pass_plan import pass_costs, rows_of_pass, tree_pays
from livecc.stages.score_lm_loss.prompts import (
    PAPER_PROMPTS,
    ChatEncoder,
    EncodedClip,
    LossRequest,
    Prompts,
    Refusal,
)
from livecc.stages.score_lm_loss.row_batch import row_losses
from livecc.stages.score_lm_loss.strategy import UNLIMITED, check_model, tree_length
from livecc.stages.score_lm_loss.token_tree import count_tree_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Maximum logits of a pass when the head cannot be applied to selected positions in chunks.
_LOGITS_PER_PASS = 2**28
# Rows to choose those of like length from, in passes. A few keep padding below some percent.
_PASSES_READ_AHEAD = 8


@dataclass(frozen=True)
class LossResult:
    """The score of one clip, or, if `loss` is None, the `error`.

    tokens: number of scored tokens. prompt_tokens: number of tokens before them.
    dropped_context_words: number of oldest context words left out so that the chat fits the model.
    """

    key: str
    loss: float | None
    tokens: int
    prompt_tokens: int
    dropped_context_words: int
    error: str | None


class LossEngine:
    """Scores groups of clips with one model; see `load`."""

    def __init__(
        self, model: CausalModel, encoder: ChatEncoder, *, tree_limit: int, tokens_per_batch: int
    ) -> None:
        """`tree_limit`: maximum length (tokens) of a sequence in a tree; 0: no trees."""
        if tokens_per_batch < 1:
            raise LiveccError(f"tokens_per_batch is {tokens_per_batch}: it must be at least 1")
        self.model = model
        self.encoder = encoder
        self.tree_limit = tree_limit
        most = tokens_per_batch
        if not model.plain_head:
            most = max(1, min(most, _LOGITS_PER_PASS // model.vocabulary))
        self.budget = TokenBudget(most)
        self.costs = pass_costs(model)

    @classmethod
    def load(
        cls,
        model_dir: Path,
        *,
        device: str,
        dtype: str = "auto",
        mode: str = "default",
        tokens_per_batch: int | None = None,
        max_context_tokens: int | None = None,
        prompts: Prompts = PAPER_PROMPTS,
    ) -> LossEngine:
        """Load a chat model from a local folder in Hugging Face format.

        device: cpu, cuda or cuda:<n>. dtype: auto (bfloat16 on cuda, float32 on cpu), float32,
        bfloat16 or float16. tokens_per_batch: maximum tokens in a forward pass (None: 4,096 on
        cuda, 512 on the CPU, where larger passes only make attention less sparse); halved while
        memory runs out. max_context_tokens: a limit on chats below the model's own. In paper mode
        a longer chat is an error of its clip; in default mode the oldest words of its context are
        dropped. Raises LiveccError when the model is unusable.
        """
        model_dir = Path(model_dir)
        tokenizer = load_tokenizer(model_dir)
        model = load_causal_model(model_dir, device=device, dtype=dtype)
        config = model.network.config.get_text_config()
        context = context_length(tokenizer, config, max_context_tokens)
        encoder = ChatEncoder(
            tokenizer,
            prompts,
            max_tokens=context,
            known_tokens=model.network.get_input_embeddings().weight.shape[0],
            mode=mode,
            source=str(model_dir),
        )
        limit = tree_length(config)
        agrees = check_model(model, min(context, limit) if limit else context)
        if tokens_per_batch is None:
            tokens_per_batch = 4096 if model.device.type == "cuda" else 512
        return cls(
            model, encoder, tree_limit=limit if agrees else 0, tokens_per_batch=tokens_per_batch
        )

    @property
    def strategy(self) -> str:
        """The way clips are scored, for logs."""
        if self.tree_limit >= UNLIMITED:
            return "token tree"
        if self.tree_limit:
            return f"token tree up to {self.tree_limit} tokens, one by one above"
        return "one by one"

    def score(self, groups: Iterable[Sequence[LossRequest]]) -> Iterator[list[LossResult]]:
        """Score clips; each group holds clips of one video (any subset) in time order.

        Yields lists of results as forward passes finish, every request once, in no fixed order
        across groups. Reads ahead only as many groups as fill a pass with trees, or a few passes
        with rows.
        """
        trees: list[list[EncodedClip]] = []
        rows: list[EncodedClip] = []
        tree_tokens = row_tokens = 0
        for group in groups:
            encoded = self.encoder.encode(group)
            refused = [_refused(clip) for clip in encoded if isinstance(clip, Refusal)]
            if refused:
                yield refused
            clips = [clip for clip in encoded if isinstance(clip, EncodedClip)]
            if not clips:
                continue
            # The last id is only predicted, so it is not part of the input.
            if max(len(clip.ids) for clip in clips) - 1 > self.tree_limit:
                for clip in clips:
                    yield [self._score_alone(clip)]
            elif tree_pays(clips, self.costs, self.budget.tokens):
                size = count_tree_tokens([clip.ids for clip in clips])
                # Trees share a pass only to fill it: attention is computed between them too.
                if trees and tree_tokens + size > self.budget.tokens:
                    yield from self._score_trees(trees)
                    trees, tree_tokens = [], 0
                trees.append(clips)
                tree_tokens += size
                if tree_tokens >= min(self.costs.enough, self.budget.tokens):
                    yield from self._score_trees(trees)
                    trees, tree_tokens = [], 0
            else:
                rows += clips
                row_tokens += sum(len(clip.ids) for clip in clips)
                if row_tokens >= _PASSES_READ_AHEAD * self.budget.tokens:
                    yield from self._score_rows(rows)
                    rows, row_tokens = [], 0
        yield from self._score_trees(trees)
        yield from self._score_rows(rows)

    def _score_trees(self, groups: list[list[EncodedClip]]) -> Iterator[list[LossResult]]:
        """Score groups as one forest; repeat without the clips that do not fit into memory."""
        while groups:
            walk = ForestWalk(self.model, self.budget, groups)
            for finished in walk.finished():
                yield [self._result(clip, losses) for clip, losses in finished]
            groups = walk.left_over

    def _score_rows(self, clips: Sequence[EncodedClip]) -> Iterator[list[LossResult]]:
        """Score clips that share nothing; those longer than a pass one after the other."""
        waiting = sorted(clips, key=lambda clip: len(clip.ids), reverse=True)
        while waiting:
            lengths = [len(clip.ids) - 1 for clip in waiting]
            count = rows_of_pass(lengths, self.costs, self.budget.tokens)
            if count == 1:
                yield from self._score_trees([waiting[:1]])
            else:
                batch = [(clip.ids, len(clip.targets)) for clip in waiting[:count]]
                found = within_memory(partial(row_losses, self.model, batch), self.model.device)
                if found is None:
                    # At the least budget, each by itself tells which of them does not fit.
                    if not self.budget.ran_out():
                        for clip in waiting[:count]:
                            yield from self._score_trees([[clip]])
                        waiting = waiting[count:]
                    continue
                self.budget.succeeded()
                yield [
                    self._result(clip, losses)
                    for clip, losses in zip(waiting[:count], found, strict=True)
                ]
            waiting = waiting[count:]

    def _score_alone(self, clip: EncodedClip) -> LossResult:
        rows = np.arange(clip.first_scored - 1, len(clip.ids) - 1)
        found = within_memory(
            lambda: self.model.token_losses(clip.ids[:-1], rows, clip.targets), self.model.device
        )
        return self._result(clip, None if found is None else found[0])

    def _result(self, clip: EncodedClip, losses: NDArray[np.float32] | None) -> LossResult:
        """`losses`: [tokens], or None when the clip did not fit into memory."""
        targets = clip.targets
        counted = int((targets > 0).sum()) if self.encoder.mode == "paper" else len(targets)
        loss, error = None, None
        if losses is None:
            error = f"a chat of {len(clip.ids)} tokens does not fit into the memory"
        elif not counted:
            error = "none of its tokens counts (paper mode leaves out token 0)"
        else:
            loss = float(losses.astype(np.float64).sum() / counted)
            if not np.isfinite(loss):
                loss, error = None, f"the loss is {loss}: try another dtype"
        return LossResult(
            clip.key, loss, len(targets), clip.first_scored, clip.dropped_context_words, error
        )


def _refused(refusal: Refusal) -> LossResult:
    return LossResult(refusal.key, None, 0, refusal.prompt_tokens, 0, refusal.reason)
