"""Language-model loss of clips: mean negative log-likelihood (nats) of a clip's tokens.

    loss = sum over the scored tokens of -log p(token | chat before it) / number of scored tokens

The chat and its scored tokens are described in `prompts`. The sum is over fp32 losses whatever
the model's own type. In paper mode the denominator counts token ids above 0 only, as the original
does (id 0 is `!` in Qwen2), while the sum has all.

All clips of a video are scored together, as a tree in which a shared token is computed once
(`token_tree`), in forward passes of a bounded number of tokens over one or several videos. Models
that cannot do that (`strategy`) read one clip after another. Either way a clip's loss does not
depend on what it is scored together with, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from livecc.errors import LiveccError
from livecc.score_lm_loss.forest_walk import ForestWalk
from livecc.score_lm_loss.loading import (
    context_length,
    load_causal_model,
    load_tokenizer,
)
from livecc.score_lm_loss.model import CausalModel, free_memory, is_out_of_memory
from livecc.score_lm_loss.prompts import (
    PAPER_PROMPTS,
    ChatEncoder,
    EncodedClip,
    LossRequest,
    Prompts,
    Refusal,
)
from livecc.score_lm_loss.strategy import UNLIMITED, check_model, tree_length
from livecc.score_lm_loss.token_budget import TokenBudget
from livecc.score_lm_loss.token_tree import count_tree_tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where the head cannot be applied to chosen positions in parts, a pass may make this many logits.
_LOGITS_PER_PASS = 2**28


@dataclass(frozen=True)
class LossResult:
    """The score of one clip, or why it has none (`error`, when `loss` is None).

    tokens: number of scored tokens. prompt_tokens: number of tokens before them.
    dropped_context_words: oldest words of the context left out so that the chat fits the model.
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
        """`tree_limit`: the longest sequence (tokens) that may go through a tree; 0: none."""
        if tokens_per_batch < 1:
            raise LiveccError(f"tokens_per_batch is {tokens_per_batch}: it must be at least 1")
        self.model = model
        self.encoder = encoder
        self.tree_limit = tree_limit
        most = tokens_per_batch
        if not model.plain_head:
            most = max(1, min(most, _LOGITS_PER_PASS // model.vocabulary))
        self.budget = TokenBudget(most)

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
        bfloat16 or float16. tokens_per_batch: most tokens in a forward pass (None: 4,096 on cuda,
        1,024 on the CPU, where larger passes only make the attention less sparse); halved while
        memory runs out. max_context_tokens: a bound on a chat below the model's own. In
        paper mode a longer chat is an error of that clip; in default mode its context loses its
        oldest words. Raises LiveccError when the model cannot be used.
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
            tokens_per_batch = 4096 if model.device.type == "cuda" else 1024
        return cls(
            model, encoder, tree_limit=limit if agrees else 0, tokens_per_batch=tokens_per_batch
        )

    @property
    def strategy(self) -> str:
        """How clips are scored, for logs."""
        if self.tree_limit >= UNLIMITED:
            return "token tree"
        if self.tree_limit:
            return f"token tree up to {self.tree_limit} tokens, one by one above"
        return "one by one"

    def score(self, groups: Iterable[Sequence[LossRequest]]) -> Iterator[list[LossResult]]:
        """Score clips; one group holds clips of one video in time order (any subset of them).

        Yields lists of results as forward passes finish, every request once, in no fixed order
        across groups. No more groups are read ahead than fill a pass.
        """
        window: list[list[EncodedClip]] = []
        tokens = 0
        for group in groups:
            encoded = self.encoder.encode(group)
            refused = [_refused(clip) for clip in encoded if isinstance(clip, Refusal)]
            if refused:
                yield refused
            clips = [clip for clip in encoded if isinstance(clip, EncodedClip)]
            if not clips:
                continue
            # `ids` without the last: it is predicted, never read.
            if max(len(clip.ids) for clip in clips) - 1 > self.tree_limit:
                for clip in clips:
                    yield [self._score_alone(clip)]
                continue
            window.append(clips)
            tokens += count_tree_tokens([clip.ids for clip in clips])
            if tokens >= self.budget.tokens:
                yield from self._score_window(window)
                window, tokens = [], 0
        if window:
            yield from self._score_window(window)

    def _score_window(self, window: list[list[EncodedClip]]) -> Iterator[list[LossResult]]:
        """Score groups as one forest, again without the clips that no memory can hold."""
        while window:
            walk = ForestWalk(self.model, self.budget, window)
            for finished in walk.finished():
                yield [self._result(clip, losses) for clip, losses in finished]
            window = walk.left_over

    def _score_alone(self, clip: EncodedClip) -> LossResult:
        rows = np.arange(clip.first_scored - 1, len(clip.ids) - 1)
        losses = None
        try:
            losses, _ = self.model.token_losses(clip.ids[:-1], rows, clip.targets)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if losses is None:
            free_memory(self.model.device)
        return self._result(clip, losses)

    def _result(self, clip: EncodedClip, losses: NDArray[np.float32] | None) -> LossResult:
        """`losses` [tokens], or None when the clip did not fit into memory."""
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
