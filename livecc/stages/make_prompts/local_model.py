"""Queries a local chat model in batches of clips of similar length.

Decoding is greedy: a clip gets the same answer in any batch, up to rounding in half precision.
Batches are limited by a token budget that is halved when memory runs out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

from livecc.declaration import Setup
from livecc.errors import LiveccError
from livecc.inference.causal_model import context_length, load_causal_model, load_tokenizer
from livecc.inference.chat_template import FIXED_DATE, dateless_template
from livecc.inference.device import prepare_torch
from livecc.inference.memory import within_memory
from livecc.inference.token_budget import TokenBudget
from livecc.scores.job import Item, Row
from livecc.stages.make_prompts.dialogue import Dialogue, Reply
from livecc.stages.make_prompts.settings import Question
from livecc.stages.make_prompts.spending import Spending

NAME = "transformers"
#: Clips read ahead, so that the clips of a batch have similar lengths.
_READ_AHEAD = 64
#: Default tokens per batch, including prompts and answers.
_TOKENS_PER_BATCH = {"cuda": 32_768, "cpu": 4_096}


@dataclass
class _Asked:
    """A clip waiting for a batch. `ids`: its chat up to the beginning of the model's turn."""

    id: str
    dialogue: Dialogue
    ids: list[int]


class LocalEngine:
    """See `livecc.scores.job.Engine`."""

    local: ClassVar[bool] = True
    paid: ClassVar[bool] = False

    @classmethod
    def load(cls, setup: Setup, spending: Spending) -> Self:  # noqa: ARG003
        settings, service = setup.options["settings"], setup.options["service"]
        prepare_torch(setup.device, setup.threads)
        return cls(
            setup.model(),
            Question.of(settings),
            tries=service["tries"],
            device=setup.device,
            dtype=settings["dtype"],
            max_output_tokens=settings["max_output_tokens"],
            tokens_per_batch=service.get("tokens_per_batch"),
        )

    def __init__(
        self,
        model_dir: Path,
        question: Question,
        *,
        tries: int,
        device: str,
        dtype: str,
        max_output_tokens: int,
        tokens_per_batch: int | None,
    ) -> None:
        """Load the chat model in a folder. Raises LiveccError when there is no usable one.

        `tokens_per_batch` None: the device's default.
        """
        from transformers import GenerationConfig

        self.question = question
        self.tries = tries
        self.max_output_tokens = max_output_tokens
        self._tokenizer = load_tokenizer(model_dir)
        self._template = dateless_template(self._tokenizer, str(model_dir))
        self._model = load_causal_model(model_dir, device=device, dtype=dtype)
        network = self._model.network
        self._context = context_length(self._tokenizer, network.config.get_text_config(), None)
        self._known_tokens = int(network.get_input_embeddings().weight.shape[0])
        self._ends = _end_ids(network, self._tokenizer)
        # Replaces the model's own, which may use sampling or a repetition penalty.
        network.generation_config = GenerationConfig(
            max_new_tokens=max_output_tokens,
            do_sample=False,
            eos_token_id=self._ends,
            pad_token_id=self._ends[0],
        )
        most = tokens_per_batch or _TOKENS_PER_BATCH.get(
            self._model.device.type, _TOKENS_PER_BATCH["cpu"]
        )
        self.budget = TokenBudget(most)

    def __call__(self, items: Iterator[Item[str]]) -> Iterator[list[tuple[str, Row]]]:
        waiting: list[_Asked] = []
        while True:
            rows: list[tuple[str, Row]] = []
            for item in islice(items, _READ_AHEAD - len(waiting)):
                dialogue = Dialogue(self.question, item.payload, NAME, self.tries)
                self._enqueue(_Asked(item.id, dialogue, []), waiting, rows)
            if waiting:
                self._answer(self._cut_batch(waiting), waiting, rows)
            elif not rows:
                return
            if rows:
                yield rows

    def _enqueue(self, asked: _Asked, waiting: list[_Asked], rows: list[tuple[str, Row]]) -> None:
        """Add a clip to those waiting, or fail it if the model cannot process it."""
        asked.ids = self._encode(asked.dialogue)
        total = len(asked.ids) + self.max_output_tokens
        if total > self._context:
            reason = f"prompt and answer need {total} tokens, the model has {self._context}"
        elif max(asked.ids) >= self._known_tokens:
            # On a GPU, such an id aborts the process with an assertion that cannot be caught.
            token = self._tokenizer.convert_ids_to_tokens(max(asked.ids))
            reason = f"the model does not know the token {token!r}"
        else:
            waiting.append(asked)
            return
        rows.append((asked.id, asked.dialogue.fail(reason)))

    def _encode(self, dialogue: Dialogue) -> list[int]:
        try:
            text = self._tokenizer.apply_chat_template(
                dialogue.messages,
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=True,
                date_string=FIXED_DATE,
            )
        # Templates may raise any exception.
        except Exception as error:
            raise LiveccError(
                f"{self._model.source}: its chat template cannot render the prompt ({error})"
            ) from None
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _cut_batch(self, waiting: list[_Asked]) -> list[_Asked]:
        """Remove the longest clip and the next ones that fit into a batch with it."""
        waiting.sort(key=lambda asked: len(asked.ids))
        longest = len(waiting[-1].ids) + self.max_output_tokens
        count = max(1, min(len(waiting), self.budget.tokens // longest))
        batch = waiting[-count:]
        del waiting[-count:]
        return batch

    def _answer(
        self, batch: list[_Asked], waiting: list[_Asked], rows: list[tuple[str, Row]]
    ) -> None:
        outputs = within_memory(
            lambda: self._generate([asked.ids for asked in batch]), self._model.device
        )
        if outputs is None:
            if self._shrink(batch):
                waiting += batch
                return
            for asked in batch:
                reason = f"a prompt of {len(asked.ids)} tokens does not fit into the memory"
                rows.append((asked.id, asked.dialogue.fail(reason, transient=True)))
            return
        self.budget.succeeded()
        for asked, output in zip(batch, outputs, strict=True):
            row = asked.dialogue.receive(self._reply(asked.ids, output))
            if row is None:
                self._enqueue(asked, waiting, rows)
            else:
                rows.append((asked.id, row))

    def _shrink(self, batch: list[_Asked]) -> bool:
        """Lower the budget until the batch exceeds it; False if it cannot be lowered further."""
        longest = len(batch[-1].ids) + self.max_output_tokens
        while self.budget.tokens // longest >= len(batch) and self.budget.ran_out():
            pass
        return len(batch) > 1 and self.budget.tokens // longest < len(batch)

    def _generate(self, prompts: list[list[int]]) -> list[list[int]]:
        """The tokens generated for each prompt, up to and including the end of turn."""
        import torch

        width = max(map(len, prompts))
        pad = self._ends[0]
        ids = torch.full((len(prompts), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            # Pad on the left, because generation continues at the right end.
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        device = self._model.device
        with torch.inference_mode():
            written = self._model.network.generate(
                input_ids=ids.to(device), attention_mask=mask.to(device)
            )
        return [self._until_end(row) for row in written[:, width:].tolist()]

    def _until_end(self, ids: list[int]) -> list[int]:
        for place, token in enumerate(ids):
            if token in self._ends:
                return ids[: place + 1]
        return ids

    def _reply(self, prompt: list[int], written: list[int]) -> Reply:
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        cut = not written or written[-1] not in self._ends
        problem = "it was cut off at max_output_tokens" if cut else None
        return Reply(text, problem, len(prompt), len(written))


def _end_ids(network: Any, tokenizer: Any) -> list[int]:
    """Ids that end the model's turn. Raises LiveccError when the model defines none."""
    ends: list[int] = []
    for source in (network.generation_config, network.config.get_text_config(), tokenizer):
        ids = getattr(source, "eos_token_id", None)
        ends += ids if isinstance(ids, list) else [ids] if isinstance(ids, int) else []
    if not ends:
        raise LiveccError(
            "the model names no end-of-turn token (eos_token_id in generation_config.json, "
            "config.json or tokenizer_config.json)"
        )
    return list(dict.fromkeys(ends))
